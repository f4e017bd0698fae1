"""What stands in a Keras model: its layers as boxes, each with those before it.

`read` follows a model's graph back from its outputs, leaves out what only reshapes or
drops out, and finds the code. `diagrams` draws the result. Keras itself is not needed.
"""

import math
import re
from dataclasses import dataclass, field

# Layers without a box. Those in RESHAPING hand their shape to the box before them, and
# those that fit NOTED are named below it.
LEFT_OUT = ("Flatten", "Dropout", "SpatialDropout", "AlphaDropout", "Identity")
RESHAPING = ("Reshape", "Cropping", "ZeroPadding", "Permute")
NOTED = re.compile("Activation.*|.*ReLU|ELU|Softmax|.*Normalization")
CODE_NAMES = ("code", "latent", "bottleneck")


@dataclass(eq=False)
class Box:
    """One layer in one place of a graph.

    Args:
        kind: Type of the layer, or "Input".
        name: Name of the layer.
        shape: Shape of its output without the batch; None where a side is not known.
        parents: Boxes that it reads.
        part: `"encoder"`, `"decoder"`, the name of a nested model, or None.
        optional: Whether it works in training alone, such as a corruption.
        notes: Types of the activations and normalisations that follow.
        column: Steps from the input, on the longest way.
    """

    kind: str
    name: str
    shape: tuple
    parents: list
    part: str | None = None
    optional: bool = False
    notes: list = field(default_factory=list)
    column: int = 0

    @property
    def size(self):
        """Number of values that it hands on; sides that are not known count as 1."""
        return math.prod(side or 1 for side in self.shape)

    @property
    def width(self):
        """Places and values: a vector is narrower than any map, whatever its length."""
        return math.prod(side or 1 for side in self.shape[:-1]), self.size

    @property
    def own_name(self):
        """The name, or an empty string if Keras made it up from the type."""
        # As `keras.src.utils.naming` does: Conv2DTranspose becomes conv2d_transpose.
        snake = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", self.kind.split()[0])
        snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
        made_up = re.fullmatch(rf"{snake}(_\d+)?", self.name)
        return "" if made_up or self.kind == "Input" else self.name


def read(model):
    """The boxes of a model, and the one among them that is its code.

    Args:
        model: As for `diagrams.architecture`.

    Returns:
        List of `Box`, parents before their children, and a `Box` or None.

    Raises:
        ValueError: If the model has no graph.
    """
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        boxes, code = _read_halves(model)
        boxes, code = _fold(boxes, code)
    else:
        network = getattr(model, "network", model)
        _check_graph(network, "model" if network is model else "model.network")
        boxes = _front(model, network)
        _trace(network, boxes[-len(network.inputs) :], boxes)
        boxes, _ = _fold(boxes)
        code = _find_code(boxes)
    if code is not None and not any(box.part for box in boxes):
        for box in boxes:
            if box.parents and not box.optional:
                box.part = "encoder" if box.column <= code.column else "decoder"
    return boxes, code


def skips(boxes):
    """Connections that pass over a column, as pairs of boxes, the shortest first."""
    pairs = [(parent, box) for box in boxes for parent in box.parents]
    pairs = [(start, end) for start, end in pairs if end.column - start.column > 1]
    return sorted(pairs, key=lambda pair: pair[1].column - pair[0].column)


def is_passed(box, boxes):
    """Whether a skip connection leads around a box."""
    return any(
        start.column < box.column < end.column and box not in (start, end)
        for start, end in skips(boxes)
    )


def _read_halves(model):
    """All boxes of an encoder and a decoder, and the box that hands on the code."""
    _check_graph(model.encoder, "model.encoder")
    _check_graph(model.decoder, "model.decoder")
    boxes = _front(model, model.encoder)
    inputs = boxes[-len(model.encoder.inputs) :]
    codes = _trace(model.encoder, inputs, boxes, part="encoder")
    n_inputs = len(model.decoder.inputs)
    if (len(codes), n_inputs) == (2, 1):  # a mean and a log variance
        codes = [Box("Sampling", "sampling", codes[0].shape, parents=codes)]
        boxes += codes
    codes = codes[-n_inputs:]
    _trace(model.decoder, codes, boxes, part="decoder")
    return boxes, codes[-1]


def _front(model, network):
    """Boxes of the inputs, and after them of the corruption, if the model has one."""
    boxes = [Box("Input", "input", _shape(tensor), []) for tensor in network.inputs]
    layer = getattr(model, "corruption", None)
    if layer is not None:
        kind = type(layer).__name__
        name = getattr(layer, "name", kind)
        boxes += [Box(kind, name, box.shape, [box], optional=True) for box in boxes]
    return boxes


def _trace(model, inputs, boxes, part=None):
    """Add the layers of a model to a list of boxes.

    Args:
        model: A Keras model with `inputs` and `outputs`.
        inputs: Boxes that stand for its inputs.
        boxes: List that the new boxes are added to, parents first.
        part: What they are part of. Default: the nested model that they stand in.

    Returns:
        List of the boxes that stand for the model's outputs.
    """
    made = {id(t): box for t, box in zip(model.inputs, inputs, strict=False)}
    waiting = list(reversed(model.outputs))
    while waiting:
        tensor = waiting[-1]
        if id(tensor) in made:
            waiting.pop()
            continue
        # Keras notes on a symbolic tensor which call of which layer has made it.
        layer, index, _ = tensor._keras_history
        call = layer._inbound_nodes[index]
        missing = [source for source in call.input_tensors if id(source) not in made]
        if missing:
            waiting += reversed(missing)
            continue
        parents = [made[id(source)] for source in call.input_tensors]
        if _has_graph(layer):
            results = _trace(layer, parents, boxes, part or layer.name)
        else:
            shape = _shape(call.output_tensors[0])
            boxes.append(Box(_kind(layer), layer.name, shape, parents, part))
            results = [boxes[-1]] * len(call.output_tensors)
        for output, box in zip(call.output_tensors, results, strict=True):
            made[id(output)] = box
    return [made[id(tensor)] for tensor in model.outputs]


def _kind(layer):
    """The type of a layer, with what a wrapper wraps or an activation computes."""
    kind = type(layer).__name__
    wrapped = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    if kind == "InputLayer":
        return "Input"
    if kind == "Activation":
        return f"{kind} {layer.activation.__name__}"
    return kind if wrapped is None else f"{kind} {type(wrapped).__name__}"


def _shape(tensor):
    return tuple(tensor.shape[1:])


def _has_graph(model):
    if not hasattr(model, "layers"):
        return False
    try:
        return bool(model.inputs) and bool(model.outputs)
    except (AttributeError, ValueError):  # subclassed, or Sequential and not yet built
        return False


def _check_graph(model, argument):
    if not _has_graph(model):
        raise ValueError(
            f"{argument} must be a Keras model with a graph: a functional one, or a "
            "Sequential that begins with keras.Input(shape). Objects that hold such "
            "models as encoder and decoder, or as network, can be drawn as well. "
            f"Received: {argument} of type {type(model).__name__}"
        )


def _fold(boxes, code=None):
    """Leave out layers without a box of their own, and give the others a column.

    Args:
        boxes: List of `Box`, parents first. They are changed.
        code: One of them, or None.

    Returns:
        List of the boxes that are left, and the code: the box before it, if it is not
        among them.
    """
    n_children = {id(box): 0 for box in boxes}
    for box in boxes:
        for parent in box.parents:
            n_children[id(parent)] += 1
    kept, replaced = [], {}
    for box in boxes:
        box.parents = [replaced.get(id(parent), parent) for parent in box.parents]
        parent = box.parents[0] if len(box.parents) == 1 else None
        if parent is not None and _folds_into(parent, box, n_children[id(parent)] == 1):
            replaced[id(box)] = parent
            # Whatever read the folded box now reads its parent.
            n_children[id(parent)] += n_children[id(box)] - 1
            continue
        box.parents = list(dict.fromkeys(box.parents))
        box.column = max((parent.column + 1 for parent in box.parents), default=0)
        kept.append(box)
    return kept, replaced.get(id(code), code)


def _folds_into(parent, box, alone):
    """Whether a box is left out; if so, its parent takes over what there is to say.

    Args:
        parent: The one box that it reads.
        box: The box.
        alone: Whether nobody else reads the parent: what is said must hold for all.
    """
    kind = re.sub(r"\dD$", "", box.kind)
    is_layer = parent.kind != "Input" and not parent.optional
    if NOTED.fullmatch(kind):
        if alone and is_layer:
            parent.notes.append(box.kind.removeprefix("Activation "))
        return alone and is_layer
    if kind in RESHAPING and alone and is_layer:
        parent.shape = box.shape
    return kind in RESHAPING or kind in LEFT_OUT


def _find_code(boxes):
    """The narrowest box of a graph that does not say which of them is its code."""
    parts = list(dict.fromkeys(box.part for box in boxes if box.part))
    if len(parts) > 1:  # nested models: the code is what the last one reads
        first = next(box for box in boxes if box.part == parts[-1])
        return first.parents[0]
    for box in boxes:
        if box.own_name.lower() in CODE_NAMES:
            return box
    read_by_others = {id(parent) for box in boxes for parent in box.parents}
    inner = [box for box in boxes if box.parents and id(box) in read_by_others]
    ends = [box for box in boxes if box not in inner]
    narrowest = min((box.width for box in inner), default=None)
    if narrowest is None or not all(end.width > narrowest for end in ends):
        return None
    code = [box for box in inner if box.width == narrowest][-1]
    if is_passed(code, boxes) and all(end.width[0] > narrowest[0] for end in ends):
        # The lowest level of a U-Net has the fewest places and the most channels.
        code = [box for box in inner if box.width[0] == narrowest[0]][-1]
    return code
