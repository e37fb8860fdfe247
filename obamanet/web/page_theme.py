"""How the page looks: colours of at least WCAG AA contrast in light and dark, fonts of the system alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import gradio

SANS: Final = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
MONO: Final = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")
"""Fonts that systems have; none is loaded."""

PAPER: Final = ("#f6f4ef", "#131618")
CARD: Final = ("#ffffff", "#1b2023")
FIELD: Final = ("#fbfaf7", "#14181a")
LINE: Final = ("#d9d4c7", "#343c41")
FIELD_LINE: Final = ("#8a8577", "#77838a")
INK: Final = ("#1d2226", "#eceae4")
QUIET: Final = ("#555b60", "#aab3b8")
ACCENT: Final = ("#0b6560", "#62cfc3")
ACCENT_OVER: Final = ("#084d49", "#86e0d6")
ON_ACCENT: Final = ("#ffffff", "#07211f")
SOFT: Final = ("#e3efed", "#1d3533")
DANGER: Final = ("#9d2020", "#ff9c92")
"""Colours for light and dark. Text on its ground has at least 4.5 : 1, a field's border at least 3 : 1 (WCAG 2.2, 1.4.3
and 1.4.11); tests/test_web_page.py computes it."""

NAMED: Final = {
    "paper": PAPER,
    "card": CARD,
    "line": LINE,
    "ink": INK,
    "quiet": QUIET,
    "accent": ACCENT,
    "on-accent": ON_ACCENT,
    "soft": SOFT,
    "danger": DANGER,
}
"""Those that style sheets use, by name."""


def theme() -> gradio.themes.Base:
    """Returns the page's theme."""
    import gradio as gr

    settings: dict[str, str] = {
        "body_text_size": "16px",
        "block_border_width": "1px",
        "block_radius": "12px",
        "block_shadow": "none",
        "block_title_text_weight": "600",
        "block_label_text_weight": "600",
        "input_radius": "9px",
        "input_border_width": "1px",
        "input_shadow": "none",
        "button_large_radius": "10px",
        "button_medium_radius": "9px",
        "button_small_radius": "8px",
        "button_large_text_weight": "600",
        "button_transition": "background-color 120ms ease",
        "layout_gap": "16px",
    }
    for names, colours in {
        ("body_background_fill", "background_fill_secondary"): PAPER,
        (
            "background_fill_primary",
            "block_background_fill",
            "panel_background_fill",
            "block_label_background_fill",
        ): CARD,
        ("block_border_color", "border_color_primary", "panel_border_color", "block_label_border_color"): LINE,
        ("body_text_color", "block_label_text_color", "block_title_text_color", "button_secondary_text_color"): INK,
        ("checkbox_label_text_color", "accordion_text_color", "table_text_color"): INK,
        ("body_text_color_subdued", "block_info_text_color", "input_placeholder_color"): QUIET,
        ("input_background_fill", "checkbox_background_color", "button_secondary_background_fill"): FIELD,
        ("input_border_color", "checkbox_border_color", "button_secondary_border_color"): FIELD_LINE,
        (
            "button_secondary_background_fill_hover",
            "color_accent_soft",
            "checkbox_label_background_fill_selected",
        ): SOFT,
        ("checkbox_label_text_color_selected",): INK,
        ("button_primary_background_fill", "button_primary_border_color", "checkbox_background_color_selected"): ACCENT,
        ("input_border_color_focus", "slider_color", "loader_color", "checkbox_border_color_selected"): ACCENT,
        ("border_color_accent", "link_text_color", "link_text_color_visited"): ACCENT,
        ("button_primary_background_fill_hover", "link_text_color_hover"): ACCENT_OVER,
        ("button_primary_text_color", "button_primary_text_color_hover"): ON_ACCENT,
        ("error_text_color", "error_icon_color"): DANGER,
    }.items():
        for name in names:
            settings[name], settings[f"{name}_dark"] = colours
    settings["color_accent"] = ACCENT[0]
    return gr.themes.Base(font=SANS, font_mono=MONO).set(**settings)


def variables() -> str:
    """Returns the colours as variables of the page's own style sheet."""
    light, dark = ("".join(f"--page-{name}: {colours[mode]};" for name, colours in NAMED.items()) for mode in (0, 1))
    return f":root {{{light}}} .dark {{{dark}}}\n"


def login_colours() -> str:
    """Returns the colours as variables of a page that follows the browser's light or dark by itself."""
    schemes = (f"--{name}: light-dark({light}, {dark});" for name, (light, dark) in NAMED.items())
    return "color-scheme: light dark;" + "".join(schemes)
