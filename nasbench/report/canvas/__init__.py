"""Pictures of boxes, lines and text as SVG, PDF and PNG, with a font of their own."""
