# SPDX-License-Identifier: GPL-2.0
"""Figures of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Tokens of the latest answer of a session."""

    prompt: int
    """Number of tokens of the prompt."""
    reused: int
    """Number of the prompt's tokens that were in the cache and not evaluated again."""
    answer: int
    """Number of tokens of the answer."""
    drafted: int
    """Number of tokens that were guessed ahead by prompt look-up."""
    accepted: int
    """Number of drafted tokens that were accepted."""


@dataclass(frozen=True)
class Confidence:
    """Confidence of the model in an answer's tokens, the end included."""

    tokens: int
    log_prob: int
    """Sum of the tokens' log-probabilities, natural, Q16."""
    margin: int
    """Sum of the differences between a token's logit and the best other token's, Q16."""


@dataclass(frozen=True)
class Score:
    """Likelihood of a text as an answer."""

    tokens: int
    """Number of tokens that were scored, the answer's end included if it counts."""
    log_prob: int
    """Sum of the tokens' log-probabilities, natural, Q16."""
