"""File access for Iceberg's metadata: pyiceberg reads and writes through the data bucket's client.

pyiceberg's own classes use pyarrow's S3 client or fsspec. The first ignores ``AWS_ENDPOINT_URL``,
and both would be one more library with credentials of its own.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

if TYPE_CHECKING:
    from pyiceberg.typedef import Properties

    from evergreen.storage import Storage

STORAGE = "evergreen.storage"
"""Property of the catalogue that holds the :class:`evergreen.storage.Storage`."""


class StorageFileIO(FileIO):
    """Files of the data bucket, by their ``s3://`` location.

    Parameters
    ----------
    properties
        Those of the catalogue; :data:`STORAGE` is the bucket.
    """

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties)
        self._storage = cast("Storage", properties[STORAGE])

    def new_input(self, location: str) -> InputFile:
        """Return a file for reading."""
        return _Input(location, self._storage)

    def new_output(self, location: str) -> OutputFile:
        """Return a file for writing."""
        return _Output(location, self._storage)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete a file; it is no error if there is none."""
        place = location if isinstance(location, str) else location.location
        self._storage.delete(self._storage.key(place))


class _Input(InputFile):
    """A metadata file, which is small: it is read as a whole."""

    def __init__(self, location: str, storage: Storage) -> None:
        super().__init__(location)
        self._storage = storage

    def __len__(self) -> int:
        return len(self._body())

    def exists(self) -> bool:
        return self._storage.get(self._storage.key(self.location)) is not None

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's
        return cast("InputStream", io.BytesIO(self._body()))

    def _body(self) -> bytes:
        body = self._storage.get(self._storage.key(self.location))
        if body is None:
            raise FileNotFoundError(self.location)
        return body


class _Output(OutputFile):
    """A new metadata file.

    Its name has a random UUID. So nobody else writes it, and ``overwrite`` needs no request.
    """

    def __init__(self, location: str, storage: Storage) -> None:
        super().__init__(location)
        self._storage = storage

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._storage)

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002, FBT001, FBT002 - pyiceberg's
        return cast("OutputStream", _Upload(self._storage, self._storage.key(self.location)))


class _Upload(io.BytesIO):
    """Bytes that become an object when the file is closed."""

    def __init__(self, storage: Storage, key: str) -> None:
        super().__init__()
        self._storage = storage
        self._key = key

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:  # noqa: ANN401
        if kind is not None:
            super().close()
        self.close()

    def __del__(self) -> None:
        """Do not upload what was never closed."""

    def close(self) -> None:
        if not self.closed:
            self._storage.put(self._key, self.getvalue())
        super().close()
