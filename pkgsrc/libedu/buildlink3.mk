# $NetBSD$
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause

BUILDLINK_TREE+=	libedu

.if !defined(LIBEDU_BUILDLINK3_MK)
LIBEDU_BUILDLINK3_MK:=

BUILDLINK_API_DEPENDS.libedu+=	libedu>=0.2.0
BUILDLINK_PKGSRCDIR.libedu?=	../../sysutils/libedu

.include "../../sysutils/libpciaccess/buildlink3.mk"
.endif	# LIBEDU_BUILDLINK3_MK

BUILDLINK_TREE+=	-libedu
