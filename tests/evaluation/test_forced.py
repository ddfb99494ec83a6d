"""Forced alignment is what the steps of a search attend to when they propose the same tokens."""

from pathlib import Path

import torch
from toy import toy_pairs

from nmt import bundle
from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.torch_engine import load_network
from nmt.evaluation.forced import forced_alignment


@torch.inference_mode()
def test_pieces_are_linked_to_what_the_step_that_proposes_them_attends_to(model: Path) -> None:
    read = bundle.read(model)
    network, tokenizer = load_network(read), read.tokenizer
    pairs = toy_pairs(5, seed=3)
    for (source, target), spans in zip(pairs, forced_alignment(network, tokenizer, pairs), strict=True):
        source_pieces, target_pieces = tokenizer.source.encode(source), tokenizer.target.encode(target)
        ids = [*source_pieces.ids, EOS]
        memory, state = network.start(torch.tensor([ids]), torch.tensor([len(ids)]))
        expected = []
        for before, (start, end) in zip([BOS, *target_pieces.ids], target_pieces.spans, strict=False):
            _, state, attention = network.step(torch.tensor([before]), memory, state)
            place = int(attention.argmax())
            if place < len(source_pieces.ids):
                first, last = source_pieces.spans[place]
                expected.append((source[first:last].strip(), target[start:end].strip()))
        assert [(source[a:b], target[c:d]) for a, b, c, d in spans] == expected
        assert expected
