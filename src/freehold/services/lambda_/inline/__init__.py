"""Code that a template spells out (Code.ZipFile of AWS::Lambda::Function), made into an archive.

As in AWS it becomes index.py or index.js, with the module that answers CloudFormation beside it.
"""

from __future__ import annotations

import io
import zipfile
from importlib import resources

from freehold.services.lambda_ import errors

# The same text makes the same archive, so that CodeSha256 does not change for nothing.
_DATE = (2000, 1, 1, 0, 0, 0)


def archive(runtime: str, text: str) -> bytes:
    if runtime.startswith("python"):
        files = {"index.py": text, "cfnresponse.py": _beside("cfnresponse.py")}
    elif runtime.startswith("nodejs"):
        # Functions of older kinds look it up by name, as if it were a package.
        answer = _beside("cfn-response.js")
        files = {"index.js": text, "node_modules/cfn-response/index.js": answer}
    else:
        raise errors.invalid(f"ZipFile can only be used with Node.js and Python, not {runtime}.")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archived:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archived.writestr(entry, content)
    return written.getvalue()


def _beside(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text()
