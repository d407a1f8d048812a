"""Write the generated files: `python -m mailinfra.docgen`, which `make docs` runs."""

from mailinfra.docgen.files import FILES, ROOT

for path, make in FILES.items():
    (ROOT / path).write_text(make(), encoding="utf-8")
