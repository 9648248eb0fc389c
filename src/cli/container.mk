# make CONTAINER=k6-arm64 defconfig Image modules: builds this tree in a container. Without CONTAINER it is the tree's own Makefile.
# Written by `kflake container --makefile`, for a kernel tree's GNUmakefile.
ifdef CONTAINER

KFLAKE ?= kflake
quote = '$(subst ','\'',$(1))'
# One run for all targets, in their order, with the variables and options that make was given.
targets := $(or $(MAKECMDGOALS),all)
settings := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),\
	$(if $(filter CONTAINER KFLAKE OUT O,$(name)),,$(call quote,$(name)=$(value $(name))))))
letters = $(filter-out - --%,$(firstword -$(MAKEFLAGS)))
jobs = $(filter -j%,$(MAKEFLAGS))
out := $(or $(OUT),$(O))

.PHONY: in-container $(targets)
$(targets): in-container ;
in-container:
	@$(KFLAKE) container --tree $(call quote,$(CURDIR)) $(if $(out),--out $(call quote,$(out))) $(call quote,$(CONTAINER)) -- \
		make $(letters) $(jobs) $(settings) $(MAKECMDGOALS)

else
include Makefile
endif
