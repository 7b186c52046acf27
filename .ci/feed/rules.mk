# SPDX-License-Identifier: Apache-2.0
# Stands for OpenWrt's, as far as openwrt/Makefile needs it to install.

INCLUDE_DIR:=$(TOPDIR)/include

INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_DATA:=install -m0644
INSTALL_CONF:=install -m0600
