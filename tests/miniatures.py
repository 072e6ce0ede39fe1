"""Miniature files in the exact format of the data sets."""

import io
import struct
import zipfile
import zlib


def in_memory(write, *args, **kwargs):
    """Return what a function writes to a file."""
    buffer = io.BytesIO()
    write(buffer, *args, **kwargs)
    return buffer.getvalue()


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted(name, data, password):
    """Return a zip file of one encrypted file (APPNOTE.TXT, section 6.1)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"\0" * 12 + data)  # room for the encryption header
        info = archive.infolist()[0]
        info.CRC, info.flag_bits, info.file_size = zlib.crc32(data), 1, len(data)
    written = bytearray(buffer.getvalue())
    struct.pack_into("<H6xIII", written, 6, 1, info.CRC, len(data) + 12, len(data))
    plain = b"\0" * 11 + bytes([info.CRC >> 24]) + data
    start = 30 + len(name)
    written[start : start + len(plain)] = _zip_cipher(plain, password)
    return bytes(written)


def _zip_cipher(plain, password):
    # zlib inverts before and after; on an all-ones start that leaves the bare table.
    table = [zlib.crc32(bytes([i]), 0xFFFFFFFF) ^ 0xFFFFFFFF for i in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value, byte):
        return (value >> 8) ^ table[(value ^ byte) & 0xFF]

    def update(byte):
        keys[0] = crc(keys[0], byte)
        keys[1] = (keys[1] + (keys[0] & 0xFF)) * 134775813 + 1 & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in plain:
        k = keys[2] | 2
        out.append(byte ^ ((k * (k ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(out)
