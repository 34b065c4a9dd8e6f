# SPDX-License-Identifier: GPL-2.0
"""Check the GGUF parser against the ``gguf`` package, and at its limits."""

import errno
import random
import struct
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import gguf
import pytest
from gguf.constants import GGML_QUANT_SIZES
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codegen import ggml
from harness.core.gguf import Gguf
from harness.core.library import CoreError, library
from harness.host import patience
from harness.host.paths import ROOT
from harness.models import weight_types
from harness.models.image import CODES, Entry, Image, Tensor, Value, array, scalar, string, u32, u64
from harness.models.malformed import base, small

F32 = 0


def refusal(data: bytes, slack: int = 0) -> tuple[int, str]:
    """Return the errno and the diagnosis with which the parser refuses ``data``."""
    with pytest.raises(CoreError) as caught, Gguf(data, slack):
        pass
    return caught.value.errno, str(caught.value)


def test_headers_are_fresh() -> None:
    for name, text in ggml.render().items():
        assert (ROOT / name).read_text() == text


def test_traits_are_those_of_the_package() -> None:
    lib = library()
    names = {int(t): t.name for t in gguf.GGMLQuantizationType}
    for number in [*range(200), 1 << 31, (1 << 32) - 1]:
        name = lib.llama_type_name(number)
        assert (name.decode() if name else None) == names.get(number)
        traits = lib.llama_type_traits(number)
        assert bool(traits) == (number in [int(t) for t in weight_types.COMPUTED])
        if traits:
            t = traits.contents
            kind = gguf.GGMLQuantizationType(number)
            assert t.name.decode() == kind.name
            assert (t.block, t.bytes) == GGML_QUANT_SIZES[kind]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("image", [base(), small()], ids=["base", "small"])
def test_reads_what_the_package_reads(image: Image, version: int, tmp_path: Path) -> None:
    image.version = version
    path = tmp_path / "model.gguf"
    path.write_bytes(image.bytes())
    reader = gguf.GGUFReader(path)
    with Gguf(path.read_bytes()) as file:
        entries = list(file.entries())
        tensors = list(file.tensors())
        theirs = [f for f in reader.fields.values() if not f.name.startswith("GGUF.")]
        assert [e.key.decode() for e in entries] == [f.name for f in theirs]
        for e, f in zip(entries, theirs, strict=True):
            assert e.kind == f.types[0]
            assert e.element == f.types[-1]
            if e.element == Value.STRING:
                assert list(e.strings) == [bytes(f.parts[i]) for i in f.data]
            else:
                assert e.raw == b"".join(bytes(f.parts[i].tobytes()) for i in f.data)
            assert file.find(f.name) == e
        assert len(tensors) == len(reader.tensors)
        for t, r in zip(tensors, reader.tensors, strict=True):
            assert (t.name.decode(), t.kind, t.size) == (r.name, int(r.tensor_type), r.n_bytes)
            assert (list(t.dims), t.offset) == ([int(n) for n in r.shape], r.data_offset)
            assert file.find_tensor(r.name) == t


keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
values: dict[int, st.SearchStrategy[bytes]] = {
    kind: st.binary(min_size=struct.calcsize(code), max_size=struct.calcsize(code))
    for kind, code in CODES.items()
    if kind != Value.BOOL
}
values[Value.BOOL] = st.sampled_from([b"\0", b"\1"])
values[Value.STRING] = st.binary(max_size=20).map(string)


@st.composite
def entries(draw: st.DrawFn) -> tuple[int, int, list[bytes]]:
    kind = draw(st.sampled_from(sorted(values)))
    if draw(st.booleans()):
        return Value.ARRAY, kind, draw(st.lists(values[kind], max_size=5))
    return kind, kind, [draw(values[kind])]


@settings(max_examples=200, deadline=None)
@given(
    metadata=st.dictionaries(keys, entries(), max_size=8),
    names=st.lists(keys.filter(lambda k: len(k.encode()) <= 64), max_size=6, unique=True),
    alignment=st.sampled_from([8, 32, 4096]),
    data=st.data(),
)
def test_any_valid_file(
    metadata: dict[str, tuple[int, int, list[bytes]]],
    names: list[str],
    alignment: int,
    data: st.DataObject,
) -> None:
    metadata.pop("general.alignment", None)
    image = Image(alignment=alignment)
    for key, (kind, element, raws) in metadata.items():
        raw = b"".join(raws)
        if kind == Value.ARRAY:
            raw = u32(element) + u64(len(raws)) + raw
        image.entries.append(Entry(key.encode(), kind, raw))
    image.set("general.alignment", Value.U32, alignment)
    for name in names:
        dims = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
        count = 1
        for n in dims:
            count *= n
        image.add_tensor(name, dims, F32, bytes(4 * count))
    with Gguf(image.bytes()) as file:
        for key, (kind, element, raws) in metadata.items():
            found = file.find(key)
            assert found is not None
            assert (found.kind, found.element, found.count) == (kind, element, len(raws))
            assert found.raw == b"".join(raws)
        assert [t.name.decode() for t in file.tensors()] == names
        for name, t in zip(names, image.tensors, strict=True):
            found_tensor = file.find_tensor(name)
            assert found_tensor is not None
            assert found_tensor.dims == tuple(t.dims)
            assert found_tensor.offset % alignment == 0
            assert found_tensor.size == len(t.data)
        for absent in ("", "general", "general.alignmen", "general.alignment.", "blk"):
            assert (file.find(absent) is None) == (absent not in metadata)
            assert (file.find_tensor(absent) is None) == (absent not in names)


INTEGERS = [Value.U8, Value.I8, Value.U16, Value.I16, Value.U32, Value.I32, Value.U64, Value.I64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_of_every_type(kind: Value) -> None:
    bits = struct.calcsize(CODES[kind]) * 8
    signed = CODES[kind].islower()
    most = (1 << (bits - signed)) - 1
    image = Image()
    image.set("most", kind, most)
    image.set("one", kind, 1)
    if signed:
        image.set("least", kind, -most - 1)
    with Gguf(image.bytes()) as file:
        assert file.get_u32("one") == 1
        if most < 1 << 32:
            assert file.get_u32("most") == most
        else:
            with pytest.raises(CoreError, match="most is out of range"):
                file.get_u32("most")
        if signed:
            with pytest.raises(CoreError, match="least is out of range: -") as caught:
                file.get_u32("least")
            assert caught.value.errno == errno.EINVAL


def test_getters_and_their_refusals() -> None:
    image = Image()
    image.set("i", Value.U32, 7)
    image.set("f", Value.F32, 0.1)
    image.set("d", Value.F64, 0.1)
    image.set("b", Value.BOOL, 1)
    image.set("s", Value.STRING, b"text")
    image.set_array("a", Value.I32, [3, -4])
    with Gguf(image.bytes()) as file:
        assert file.get_u32("i") == 7
        assert file.get_f32_bits("f") == struct.unpack("<I", struct.pack("<f", 0.1))[0]
        assert file.get_bool("b") is True
        assert file.get_str("s") == b"text"
        assert file.get_array("a", Value.I32).raw == struct.pack("<2i", 3, -4)
        getters: dict[str, Callable[[str], object]] = {
            "i": file.get_u32,
            "f": file.get_f32_bits,
            "b": file.get_bool,
            "s": file.get_str,
            "a": lambda key: file.get_array(key, Value.I32),
        }
        for own, getter in getters.items():
            for key in ("i", "f", "d", "b", "s", "a"):
                if key == own:
                    continue
                with pytest.raises(CoreError, match=f"^{key} is of type") as caught:
                    getter(key)
                assert caught.value.errno == errno.EINVAL
            with pytest.raises(CoreError, match=r"^missing key no\.such$") as caught:
                getter("no.such")
            assert caught.value.errno == errno.ENOENT
        with pytest.raises(CoreError, match="a is an array of i32, not of u32"):
            file.get_array("a", Value.U32)


def test_a_small_index_is_refused() -> None:
    data = small().bytes()
    with Gguf(data):
        pass
    assert refusal(data, slack=-1)[0] == errno.ENOMEM


def test_every_truncation_of_the_header() -> None:
    image = small()
    data = image.bytes()
    head = image.header()
    for size in range(len(head)):
        number, text = refusal(data[:size])
        assert number in (errno.EINVAL, errno.ENOEXEC)
        assert text.isprintable()
    assert refusal(data[:-1])[0] == errno.EINVAL


def test_messages_are_printable() -> None:
    image = Image(entries=[Entry(b"\x1b[31m\xff", 99, b"\0" * 16)])
    assert refusal(image.bytes())[1] == "?[31m?: unknown value type 99"


def test_long_keys() -> None:
    key = "k" * 65535
    image = Image()
    image.set(key, Value.U8, 1)
    with Gguf(image.bytes()) as file:
        assert file.get_u32(key) == 1
        assert file.find(key[:-1]) is None
    image = Image(entries=[Entry(key.encode(), 99, b"\0" * 16)])
    assert len(refusal(image.bytes())[1]) < 100


def test_counts_at_their_limits() -> None:
    rng = random.Random(3)
    names = [f"{i}" for i in range(16384)]
    rng.shuffle(names)
    image = Image(
        entries=[Entry(n.encode(), Value.U8, b"\1") for n in names[:4096]],
        tensors=[Tensor(n.encode(), [8], F32, 32 * i, b"") for i, n in enumerate(names)],
    )
    data = image.bytes() + bytes(32 * 16384)
    start = time.process_time()
    with Gguf(data) as file:
        assert time.process_time() - start < patience.slowness()
        assert all(file.find_tensor(n) is not None for n in names[:100])
    image.entries.append(Entry(b"one more", Value.U8, b"\1"))
    assert "4097 metadata entries" in refusal(image.bytes())[1]
    image.entries = []
    image.tensors.append(Tensor(b"one more", [8], F32, 0, b""))
    assert "16385 tensors" in refusal(image.bytes())[1]


def test_duplicates_are_found_wherever_they_stand() -> None:
    for first in range(9):
        for second in range(first + 1, 10):
            names = [b"%d" % i for i in range(10)]
            names[second] = names[first]
            image = Image(entries=[Entry(n, Value.U8, b"\1") for n in names])
            assert refusal(image.bytes())[1] == f"{names[first].decode()}: a duplicate key"
            image = Image()
            for n in names:
                image.add_tensor(n.decode(), [8], F32, bytes(32))
            assert refusal(image.bytes())[1] == f"tensor {names[first].decode()}: a duplicate name"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=2, max_size=8))
def test_overlap(places: list[tuple[int, int]]) -> None:
    image = Image(
        tensors=[
            Tensor(b"%d" % i, [8 * n], F32, 32 * at, bytes(32 * n))
            for i, (at, n) in enumerate(places)
        ]
    )
    taken = sorted((at, at + n) for at, n in places)
    apart = all(a[1] <= b[0] for a, b in pairwise(taken))
    if apart:
        with Gguf(image.bytes()) as file:
            assert len(list(file.tensors())) == len(places)
    else:
        number, text = refusal(image.bytes())
        assert number == errno.EINVAL
        assert "overlaps" in text


def test_the_image_writer_writes_readable_files() -> None:
    assert scalar(Value.STRING, b"ab") == b"\2\0\0\0\0\0\0\0ab"
    assert array(Value.U8, [1, 2]) == b"\0\0\0\0\2\0\0\0\0\0\0\0\1\2"
    image = small()
    assert image.array("c.strings") == [b"", b"one", b"three"]
    assert image.array("b.I16") == [1, 0, 1]
