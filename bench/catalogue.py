"""Products by the hundred thousand, made by PostgreSQL itself, as catalog would have stored them.

Everything follows from a product's number, so that the same products are there each time, and so that it is known what
a search has to find. A name has a word of ``WORDS``, of ``MATERIALS`` and of ``KINDS``, and a number of its own.
"""

import asyncpg

KINDS = [
    "kettle",
    "lamp",
    "chair",
    "jacket",
    "headphones",
    "backpack",
    "bicycle",
    "notebook",
    "keyboard",
    "blanket",
    "mirror",
    "bottle",
    "guitar",
    "camera",
    "curtain",
    "drill",
    "helmet",
    "suitcase",
    "toaster",
    "umbrella",
]
MATERIALS = ["steel", "oak", "cotton", "leather", "glass", "ceramic", "bamboo", "linen", "copper", "wool"]
WORDS = [
    "classic",
    "folding",
    "compact",
    "garden",
    "travel",
    "studio",
    "winter",
    "kids",
    "outdoor",
    "vintage",
    "silent",
    "portable",
    "mountain",
    "urban",
    "coastal",
    "nordic",
    "royal",
    "smart",
    "eco",
    "handmade",
]
COLOURS = ["black", "white", "red", "blue", "green", "grey", "brown", "yellow"]
SIZES = ["s", "m", "l", "xl"]
CATEGORIES = 20

_NUMBERS = """
    FROM generate_series(1, $1) AS numbers (n) CROSS JOIN LATERAL (
        SELECT
            ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
            'SKU-' || lpad(n::text, 7, '0') AS sku,
            ($2::text[])[1 + n % 20] AS kind,
            ($3::text[])[1 + n / 20 % 20] AS word,
            ($3::text[])[1 + n / 9 % 20] AS other_word,
            ($4::text[])[1 + n / 400 % 10] AS material,
            ($5::text[])[1 + n / 3 % 8] AS colour,
            ($6::text[])[1 + n / 7 % 4] AS size,
            'brand-' || n / 7 % 300 AS brand,
            500 + n * 37 % 20000 AS price,
            now() - n * interval '1 minute' AS at
    ) AS product
"""
_PRODUCTS = f"""
    INSERT INTO products (id, version, status, slug, name, description, categories, attributes, images, facets,
        keywords, created_at, changed_at, published_at)
    SELECT
        id, 1, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'published' END, 'product-' || n,
        initcap(word || ' ' || material || ' ' || kind) || ' ' || to_hex(n),
        'A ' || kind || ' made of ' || material || ' for ' || word || ' and ' || other_word
            || ' days. It comes with a guarantee of ' || 1 + n % 5
            || ' years and can be repaired at home with simple tools.',
        ARRAY['category-' || n % {CATEGORIES}], jsonb_build_object('material', material, 'brand', brand),
        '[{{"url": "https://images.example.org/1.jpg", "alt": "It"}}]',
        ARRAY['material=' || material, 'brand=' || brand, 'colour=' || colour, 'size=' || size],
        concat_ws(' ', brand, material, colour, sku), at, at, CASE WHEN n % 50 = 0 THEN NULL ELSE at END
    {_NUMBERS}
"""
_VARIANTS = f"""
    INSERT INTO variants (sku, product_id, position, name, weight_grams, tax_class, attributes, prices)
    SELECT
        sku, id, 0, '', 200 + n % 2000, 'standard', jsonb_build_object('colour', colour, 'size', size),
        jsonb_build_array(
            jsonb_build_object('amount', price, 'currency', 'EUR', 'from', '2026-01-01T00:00:00+00:00', 'until', NULL)
        )
    {_NUMBERS}
"""
_OFFERS = f"""
    INSERT INTO offers (product_id, currency, valid_from, valid_until, amount_minor)
    SELECT id, 'EUR', '2026-01-01T00:00:00+00:00', NULL, price
    {_NUMBERS}
"""


def sku(number: int) -> str:
    """Return the SKU of a product's only variant."""
    return f"SKU-{number:07}"


async def fill(database: str, products: int) -> None:
    """Put so many products, with their variants and prices, into catalog's tables; one in fifty is not published."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "INSERT INTO categories (slug, version, name) SELECT 'category-' || n, 1, 'Category ' || n"
            " FROM generate_series(0, $1 - 1) AS numbers (n)",
            CATEGORIES,
        )
        for statement in (_PRODUCTS, _VARIANTS, _OFFERS):
            await connection.execute(statement, products, KINDS, WORDS, MATERIALS, COLOURS, SIZES)
        for table in ("categories", "products", "variants", "offers"):
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()
