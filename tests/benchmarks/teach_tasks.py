"""Tasks made of the 720 photos of data/images/eval: groups of ImageNet classes, by their number in
imagenet_labels.txt (where 0 is the background). Each has at least 12 photos."""

from __future__ import annotations

GROUPS: dict[str, frozenset[int]] = {
    "dog": frozenset({*range(152, 270)}),
    "wild carnivore": frozenset({*range(270, 300)}),
    "land bird": frozenset({*range(8, 26), *range(81, 98)}),
    "water bird": frozenset({*range(98, 102), *range(128, 148)}),
    "sea animal": frozenset(
        {*range(1, 8), *range(108, 111), *range(148, 152), *range(328, 331), *range(390, 399)}
    ),
    "reptile": frozenset({*range(26, 70)}),
    "insect": frozenset({*range(301, 328)}),
    "crawler": frozenset({*range(70, 81), *range(111, 128)}),
    "hoofed": frozenset({*range(340, 357)}),
    "small mammal": frozenset({*range(331, 340), *range(357, 366)}),
    "monkey": frozenset({*range(366, 386)}),
    "boat": frozenset({404, 473, 485, 511, 555, 577, 781, 815, 834}),
    "car": frozenset({408, 512, 574, 610, 628, 655, 657, 780, 804, 818, 848, 867, 868, 875}),
    "instrument": frozenset({402, 403, 421, 487, 495, 547, 594, 595, 643, 684, 688, 876, 890}),
    "furniture": frozenset({436, 454, 494, 517, 527, 565, 722, 751, 832, 858, 862, 895}),
    "fruit or vegetable": frozenset({*range(937, 960), 989}),
    "dish": frozenset({*range(925, 937), *range(960, 970)}),
    "building": frozenset(
        {407, 426, 484, 498, 501, 581, 650, 664, 669, 683, 699, 744, 833, 864, 874, 889, 901}
    ),
    "clothing": frozenset({453, 503, 515, 516, 579, 653, 736, 771, 775, 807, 809, 835, 842, 870}),
    "electronics": frozenset(
        {509, 528, 531, 606, 614, 621, 633, 651, 714, 743, 746, 755, 760, 762, 783, 852, 893}
    ),
}

TASKS: dict[str, tuple[str, ...]] = {
    "two": ("dog", "wild carnivore"),
    "five": ("land bird", "reptile", "insect", "hoofed", "monkey"),
    "twenty": tuple(GROUPS),
}
