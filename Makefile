# SPDX-License-Identifier: GPL-2.0
# The doors. Kbuild says what goes into the module; noxfile.py has the tasks.

KDIR ?= /lib/modules/$(shell uname -r)/build
RELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

ARCH ?= x86_64
MODEL ?= smollm2
HOURS ?= 1
PROMPT ?= What is a kernel module?
# As it was typed: a dollar sign in a prompt is no variable of make's.
override PROMPT := $(value PROMPT)
export PROMPT ARCH MODEL KERNEL HOURS

NOX = .venv/bin/python -m nox --session

module: $(KDIR)/Makefile
	@env -u ARCH $(MAKE) -C $(KDIR) M=$(CURDIR) modules

$(KDIR)/Makefile:
	@echo '🦙 no kernel headers in $(KDIR): install linux-headers-$(shell uname -r),' \
		'or name a kernel build folder: make KDIR=...' >&2; exit 1

clean:
	@env -u ARCH $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	@$(MAKE) -C libllamux clean

# INSTALL_MOD_PATH= and DEPMOD= are the kernel's own: another root folder, another depmod.
install: module
	@env -u ARCH $(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates modules_install

uninstall:
	rm -f $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/llamux.ko*
	$(if $(INSTALL_MOD_PATH),,depmod $(RELEASE))

client:
	@$(MAKE) -C libllamux

venv:
	@sh harness/bootstrap.sh

demo shell test verify verify-all coverage analyze bench stress fuzz-kernel lock: venv
	@$(NOX) $@

.PHONY: module install uninstall clean client venv demo shell test verify verify-all coverage analyze bench stress fuzz-kernel lock
