# make CONTAINER=k6-arm64 defconfig Image modules: builds this tree in a container. Without CONTAINER it is the tree's own Makefile.
# make CONTAINER=k6-arm64 boot: boots what was built, by the QEMU of the image qemu:arm64; BOOTFLAGS are options for `boot` there.
# Written by `kflake container --makefile`, for a kernel tree's GNUmakefile.
ifdef CONTAINER

KFLAKE ?= kflake
quote = '$(subst ','\'',$(1))'
# One run for all targets, in their order, with the variables and options that make was given.
targets := $(or $(MAKECMDGOALS),all)
goals := $(filter-out boot,$(MAKECMDGOALS))
settings := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),\
	$(if $(filter CONTAINER BOOTCONTAINER KFLAKE BOOTFLAGS OUT O,$(name)),,$(call quote,$(name)=$(value $(name))))))
letters = $(filter-out - --%,$(firstword -$(MAKEFLAGS)))
jobs = $(filter -j%,$(MAKEFLAGS))
out := $(or $(OUT),$(O),build-$(subst :,-,$(notdir $(CONTAINER))))
# The name of a cell, or of a compiler, ends in the arch.
arch := $(or $(ARCH),$(lastword $(subst -, ,$(subst :, ,$(CONTAINER)))))
release := $(out)/include/config/kernel.release
# Where the compiler is from a registry, so is QEMU.
registry := $(if $(wildcard $(CONTAINER)/oci-layout),,$(if $(findstring /,$(CONTAINER)),$(dir $(CONTAINER))))
booting := $(or $(BOOTCONTAINER),$(registry)qemu:$(arch))

.PHONY: in-container boot $(targets)
$(filter-out boot,$(targets)): in-container ;
in-container:
	@$(KFLAKE) container --tree $(call quote,$(CURDIR)) --out $(call quote,$(out)) $(call quote,$(CONTAINER)) -- \
		make $(letters) $(jobs) $(settings) $(goals)

boot: $(if $(goals),in-container)
	@test -e $(call quote,$(release)) || { echo "nothing was built in "$(call quote,$(out))": name what to build before boot" >&2; exit 1; }
	@$(KFLAKE) container --tree $(call quote,$(CURDIR)) --out $(call quote,$(out)) $(call quote,$(booting)) -- boot $(BOOTFLAGS)

else
include Makefile
endif
