"""Thumbnails and previews of photographs with Pillow: each decodes the photograph for itself."""

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

import makespan as ms
from benches.suite.case import Case

Picture = Image.Image


@ms.step(pure=True)
def decoded(content: bytes) -> Picture:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return ImageOps.exif_transpose(picture)


@ms.step(pure=True)
def scaled(picture: Picture, side: int) -> Picture:
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(2))


@ms.step(pure=True)
def encoded(picture: Picture) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return stream.getvalue()


def thumbnail(photograph: bytes) -> bytes:
    return encoded(scaled(decoded(photograph), 128))


def preview(photograph: bytes) -> bytes:
    return encoded(scaled(decoded(photograph), 480))


@ms.workflow
def gallery(photographs: list[bytes]) -> list[tuple[bytes, bytes]]:
    return [(thumbnail(photograph), preview(photograph)) for photograph in photographs]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[bytes]]]:
    del folder
    rng = random.Random(3)
    photographs = []
    for _ in range(2 if is_tiny else 12):
        noise = Image.frombytes("RGB", (64, 48), rng.randbytes(64 * 48 * 3))
        stream = io.BytesIO()
        noise.resize((80, 60) if is_tiny else (1600, 1200), Image.Resampling.BICUBIC).save(stream, "JPEG")
        photographs.append(stream.getvalue())
    yield (photographs,)


CASE = Case(
    "thumbnails", gallery, data, "cpu", frozenset({"decoded", "scaled", "encoded"}), cached=frozenset({"encoded"})
)
