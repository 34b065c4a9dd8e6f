# SPDX-License-Identifier: GPL-2.0
"""Specification of a guest: equal specifications mean the same guest.

A specification is made without fetching or building anything. :func:`resolve` fetches its
kernel and builds its module.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.host.architectures import architecture
from harness.host.paths import ROOT
from harness.kernels import find
from harness.kernels import module as kbuild_module
from harness.kernels.kernel import Kernel

MODEL_PATH = "/lib/firmware/llamux/model.gguf"
"""Path in the guest at which the module looks for its model."""

MODULE_PATH = "/lib/modules/llamux.ko"
"""Path in the guest of the module."""


class FrozenFiles(Mapping[str, bytes | Path]):
    """Contents by path in the guest. Cannot be changed, so that it has a hash."""

    def __init__(self, files: Mapping[str, bytes | Path]) -> None:
        self._files = dict(files)
        self._hash = hash(frozenset(self._files.items()))

    def __getitem__(self, path: str) -> bytes | Path:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{len(self._files)} files"


@dataclass(frozen=True)
class ModuleBuild:
    """How a module is built for the guest's kernel: see :func:`harness.kernels.module.build`."""

    source: Path = ROOT
    """Folder of the Kbuild file."""
    make_args: tuple[str, ...] = ()
    """Further arguments of make."""


@dataclass(frozen=True)
class GuestSpec:
    """Description of a guest."""

    arch: str
    """Name in :data:`harness.host.architectures.GUESTS`."""
    kernel: str | None = None
    """Kernel series; None for the architecture's default."""
    model: Path | None = None
    """File that the guest has at :data:`MODEL_PATH`."""
    accel: str | None = None
    """``kvm`` or ``tcg``; None for the fastest that works."""
    cpu: str = ""
    """Processor model that TCG emulates; "" for the default and any acceleration."""
    smp: int | None = None
    """Number of processors; None for the machine's default."""
    memory: int | None = None
    """Memory in MiB; None for the amount that the model needs."""
    module: Path | ModuleBuild | None = ModuleBuild()
    """Module that the guest has at :data:`MODULE_PATH`: a file, how to build it, or none."""
    load_module: bool = True
    """Whether a boot ends with insmod of the module, if there is one."""
    module_args: str = ""
    """Arguments of that insmod."""
    files: Mapping[str, bytes | Path] = field(default_factory=lambda: FrozenFiles({}))
    """Further files: contents by path in the guest."""
    append: str = ""
    """Further words of the kernel's command line."""
    boot_timeout: float = 120
    """Seconds that a boot may take, multiplied by the kernel's slowness."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", FrozenFiles(self.files))

    def without_module(self) -> "GuestSpec":
        """Return the specification of a guest like this one that has no module."""
        return replace(self, module=None, load_module=False)


@dataclass(frozen=True)
class ResolvedSpec:
    """Specification with all that its guest boots from."""

    spec: GuestSpec
    """The specification; its `accel` and `memory` are final."""
    kernel: Kernel
    module: Path | None
    """The module, built."""
    files: FrozenFiles
    """All files of the guest beside its programs and module: the model, too."""


def memory_for(model: Path | None) -> int:
    """Return the MiB of a guest with this model: it is in the root file system and the module."""
    size = model.stat().st_size if model else 0
    return max(1024, 512 + 4 * size // (1 << 20))


def resolve(spec: GuestSpec) -> ResolvedSpec:
    """Fetch the kernel and build the module of a specification, unless the cache has them.

    Raises UsageError if there is no such architecture or kernel, SetupError if one cannot be
    had.
    """
    kernel = find.kernel(architecture(spec.arch), spec.kernel)
    if spec.cpu:
        kernel = replace(kernel, architecture=replace(kernel.architecture, tcg_cpu=spec.cpu))
        spec = replace(spec, accel="tcg")
    module = spec.module
    if isinstance(module, ModuleBuild):
        built = kbuild_module.build(kernel, module.source, module.make_args)
        module = built.module
    files = dict(spec.files)
    if spec.model is not None:
        files[MODEL_PATH] = spec.model
    memory = spec.memory or kernel.memory * memory_for(spec.model)
    return ResolvedSpec(replace(spec, memory=memory), kernel, module, FrozenFiles(files))
