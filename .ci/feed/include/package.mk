# SPDX-License-Identifier: Apache-2.0
# Stands for OpenWrt's: installs the files of the package into ROOT, and lays its scripts,
# its alternatives and the list of its files beside it. The repository is PKG_BUILD_DIR.

SCRIPTS:=postinst prerm postrm

define BuildPackage
$(eval $(call Package/$(1)))
.PHONY: install files
install: files
	$$(foreach s,$(SCRIPTS),$$(file >$(INFO)/$(1).$$(s),$$(Package/$(1)/$$(s))))
	$$(file >$(INFO)/$(1).alternatives,$$(ALTERNATIVES))
	cd $(ROOT) && find . -type f | sed 's,^\.,,' | sort >$(INFO)/$(1).list

files:
	mkdir -p $(ROOT) $(INFO)
$(call Package/$(1)/install,$(ROOT))
endef
