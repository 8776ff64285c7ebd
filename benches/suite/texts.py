"""Seeded text that several workflows read."""

import random

__all__ = ["paragraphs", "vocabulary"]


def vocabulary(rng: random.Random, n_words: int = 4_000) -> list[str]:
    """Make words of two to four syllables."""
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(n_words)]


def paragraphs(rng: random.Random, words: list[str], n: int, n_words: int = 80) -> str:
    """Make paragraphs in which, as in real text, few words are many of all."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return "\n\n".join(" ".join(rng.choices(words, weights, k=n_words)) for _ in range(n))
