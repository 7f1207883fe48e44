"""A catalogue to try things with: some hundred products of a shop that does not exist, the same ones each time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product as combinations
from typing import Any

CATEGORIES: tuple[tuple[str, str, str | None], ...] = (
    ("home", "Home", None),
    ("kitchen", "Kitchen", "home"),
    ("lighting", "Lighting", "home"),
    ("textiles", "Textiles", "home"),
    ("wear", "Wear", None),
    ("shirts", "Shirts", "wear"),
    ("knitwear", "Knitwear", "wear"),
    ("shoes", "Shoes", "wear"),
    ("bags", "Bags", "wear"),
    ("outdoor", "Outdoor", None),
    ("camping", "Camping", "outdoor"),
    ("cycling", "Cycling", "outdoor"),
    ("garden", "Garden", "outdoor"),
    ("office", "Office", None),
    ("writing", "Writing", "office"),
    ("desks", "Desks and shelves", "office"),
    ("audio", "Audio", None),
    ("pantry", "Pantry", None),
)
"""Slug, name, and the slug of what it lies in; in an order in which they can be made."""

_SERIES = (
    "Alder",
    "Bergen",
    "Calder",
    "Dune",
    "Elm",
    "Fjord",
    "Garnet",
    "Harbour",
    "Isle",
    "Juniper",
    "Kestrel",
    "Loch",
)
_COLOURS = ("black", "white", "blue", "green", "red", "grey", "sand", "olive")
_SIZES = ("S", "M", "L", "XL")
_SHOE_SIZES = ("38", "40", "42", "44")
_RATES = {"USD": 1.1, "GBP": 0.85}
_SEED = 1
_SEEN_FROM = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class _Family:
    """Products of a kind: ``cents`` and ``grams`` are what the cheapest and the dearest, lightest and heaviest have."""

    noun: str
    category: str
    materials: tuple[str, ...]
    cents: tuple[int, int]
    grams: tuple[int, int]
    about: str
    sizes: tuple[str, ...] = ()
    tax_class: str = "standard"


_FAMILIES = (
    _Family(
        "shirt",
        "shirts",
        ("linen", "cotton", "flannel"),
        (3900, 8900),
        (180, 320),
        "Cut straight, sewn to last.",
        _SIZES,
    ),
    _Family("T-shirt", "shirts", ("cotton", "merino"), (1900, 4900), (120, 200), "Soft from the first day.", _SIZES),
    _Family(
        "jumper", "knitwear", ("wool", "merino", "cotton"), (5900, 14900), (350, 700), "Knitted in one piece.", _SIZES
    ),
    _Family("scarf", "knitwear", ("wool", "silk"), (2900, 7900), (80, 200), "Long enough to wind twice."),
    _Family(
        "trainers",
        "shoes",
        ("canvas", "leather"),
        (5900, 12900),
        (600, 900),
        "A sole that can be replaced.",
        _SHOE_SIZES,
    ),
    _Family("boots", "shoes", ("leather", "suede"), (11900, 24900), (1100, 1700), "Stitched, not glued.", _SHOE_SIZES),
    _Family("rucksack", "bags", ("canvas", "nylon"), (4900, 15900), (500, 1200), "Keeps a wet day outside."),
    _Family(
        "mug", "kitchen", ("stoneware", "porcelain", "enamel"), (900, 2400), (250, 450), "Holds a third of a litre."
    ),
    _Family(
        "teapot", "kitchen", ("stoneware", "cast-iron", "glass"), (2900, 9900), (500, 1900), "Pours without dripping."
    ),
    _Family(
        "frying pan", "kitchen", ("cast-iron", "steel"), (3400, 11900), (1100, 2600), "Gets better with every year."
    ),
    _Family("chopping board", "kitchen", ("oak", "walnut", "bamboo"), (1900, 6900), (700, 2100), "Oiled by hand."),
    _Family(
        "desk lamp", "lighting", ("steel", "brass", "oak"), (4900, 18900), (900, 2400), "Dims to a candle's light."
    ),
    _Family("lantern", "lighting", ("brass", "glass"), (2400, 7900), (500, 1300), "For the table and for the garden."),
    _Family("blanket", "textiles", ("wool", "cotton"), (4900, 16900), (800, 1900), "For two on a cold evening."),
    _Family("towel", "textiles", ("linen", "cotton"), (1400, 4900), (200, 600), "Dries, and dries quickly."),
    _Family("tent", "camping", ("nylon", "canvas"), (14900, 59900), (1700, 9800), "Stands in ten minutes."),
    _Family("sleeping bag", "camping", ("down", "synthetic"), (8900, 34900), (700, 1900), "Warm to five below zero."),
    _Family("bicycle bell", "cycling", ("brass", "steel"), (900, 2900), (60, 140), "Heard, and forgiven."),
    _Family("pannier", "cycling", ("canvas", "nylon"), (5900, 12900), (600, 1100), "Clicks on with one hand."),
    _Family("watering can", "garden", ("zinc", "steel"), (2400, 5900), (700, 1500), "Rains where you want it."),
    _Family("secateurs", "garden", ("steel", "carbon-steel"), (1900, 6900), (180, 320), "Every part can be replaced."),
    _Family(
        "notebook", "writing", ("paper", "stone-paper"), (600, 2400), (120, 420), "Lies flat when open.", (), "reduced"
    ),
    _Family("fountain pen", "writing", ("brass", "resin"), (2900, 19900), (20, 60), "Writes at the first touch."),
    _Family(
        "standing desk",
        "desks",
        ("oak", "walnut", "birch"),
        (39900, 119900),
        (28000, 46000),
        "Up and down without a sound.",
    ),
    _Family(
        "bookshelf", "desks", ("oak", "birch", "steel"), (12900, 49900), (11000, 32000), "Five shelves, no screws."
    ),
    _Family("headphones", "audio", ("aluminium", "walnut"), (5900, 34900), (180, 360), "Thirty hours without a cable."),
    _Family("loudspeaker", "audio", ("oak", "aluminium"), (9900, 49900), (900, 6500), "Fills a room, not the street."),
    _Family("coffee", "pantry", ("arabica", "robusta"), (700, 2100), (250, 1000), "Roasted on Mondays.", (), "reduced"),
    _Family("tea", "pantry", ("green", "black", "rooibos"), (400, 1900), (50, 250), "Picked by hand.", (), "reduced"),
)


def products() -> Iterator[dict[str, Any]]:
    """Yield each product as a line of an import has it, published."""
    chance = random.Random(_SEED)  # noqa: S311 - the same products each time, nothing to guess
    for family in _FAMILIES:
        pairs = list(combinations(_SERIES, family.materials))
        for series, material in sorted(chance.sample(pairs, 11)):
            yield _product(family, series, material, chance)


def _product(family: _Family, series: str, material: str, chance: random.Random) -> dict[str, Any]:
    title = f"{series} {material.replace('-', ' ')} {family.noun}"
    slug = title.lower().replace(" ", "-")
    colours = chance.sample(_COLOURS, chance.randint(1, 2)) if family.category != "pantry" else [""]
    cents = round(chance.randint(*family.cents) / 100) * 100 - 10
    grams = chance.randint(*family.grams)
    variants = [
        _variant(slug, colour, size, grams, cents, family.tax_class)
        for colour, size in combinations(colours, family.sizes or ("",))
    ]
    return {
        "slug": slug,
        "name": title,
        "description": f"{family.about} The {series} series, in {material.replace('-', ' ')}.",
        "status": "published",
        "categories": [family.category],
        "attributes": {"material": material, "series": series},
        "images": [{"url": f"https://images.tradewind.example/{slug}.jpg", "alt": title}],
        "variants": variants,
    }


def _variant(slug: str, colour: str, size: str, grams: int, cents: int, tax_class: str) -> dict[str, Any]:
    attributes = {name: value for name, value in (("colour", colour), ("size", size)) if value}
    amounts = {"EUR": cents, **{currency: round(cents * rate / 100) * 100 - 1 for currency, rate in _RATES.items()}}
    return {
        "sku": "-".join(word for word in (slug, colour, size) if word).upper(),
        "name": ", ".join(attributes.values()),
        "weight_grams": grams,
        "tax_class": tax_class,
        "attributes": attributes,
        "prices": [
            {"price": {"amount": amount, "currency": currency}, "valid_from": _SEEN_FROM}
            for currency, amount in amounts.items()
        ],
    }
