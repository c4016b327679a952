"""Examples; `examples.toy_world` makes the small invented world that they train on."""
