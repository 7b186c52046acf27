# SPDX-License-Identifier: Apache-2.0
# Stands for the packages feed's: the binary is built already, it is PROGRAM.

define GoPackage/Package/Install/Bin
	$(INSTALL_DIR) $(1)/usr/bin
	$(INSTALL_BIN) $(PROGRAM) $(1)/usr/bin/mptcpctl
endef

define GoBinPackage
endef
