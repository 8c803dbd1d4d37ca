"""Sound out of wav files: scales, channels, rates, lengths, and the stretches that are heard."""

from __future__ import annotations

import wave

import numpy as np
import pytest
from scipy.io import wavfile

from d2b_ray.errors import ExtractionError
from d2b_ray.features import WavFiles
from d2b_ray.features.sound.reader import resampled, segments


def tone(rate, seconds, hertz=200.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def read(path, seconds, rate):
    return WavFiles({"r": path}, {"r": seconds}).sound("r", rate)


@pytest.mark.parametrize(
    ("dtype", "atol"), [("uint8", 8e-3), ("int16", 4e-5), ("int32", 1e-6), ("float32", 1e-7)]
)
def test_any_format_has_full_scale_one(tmp_path, dtype, atol):
    expected = tone(8000, 2)
    values = expected
    if dtype == "uint8":
        values = expected * 128 + 128
    elif dtype != "float32":
        values = expected * np.iinfo(dtype).max
    wavfile.write(tmp_path / "a.wav", 8000, np.round(values).astype(dtype)
                  if dtype != "float32" else values.astype(dtype))  # fmt: skip
    WavFiles({"r": tmp_path / "a.wav"}, {"r": 2}).check()
    found = read(tmp_path / "a.wav", 2, 8000)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=atol)


def test_24_bits(tmp_path):
    expected = tone(8000, 1)
    packed = np.round(expected * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(8000)
        file.writeframes(packed.tobytes())
    np.testing.assert_allclose(read(tmp_path / "a.wav", 1, 8000), expected, atol=1e-6)


def test_channels_are_averaged(tmp_path):
    left, right = tone(8000, 1), tone(8000, 1, 300.0)
    wavfile.write(tmp_path / "a.wav", 8000, np.stack([left, right], axis=1).astype(np.float32))
    np.testing.assert_allclose(read(tmp_path / "a.wav", 1, 8000), (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_a_tone_stays_a_tone_at_another_rate(tmp_path, rate):
    wavfile.write(tmp_path / "a.wav", rate, tone(rate, 2).astype(np.float32))
    found = read(tmp_path / "a.wav", 2, 16_000)
    inside = slice(200, -200)  # the filter sees silence beyond the ends
    np.testing.assert_allclose(found[inside], tone(16_000, 2)[inside], atol=2e-3)


def test_what_the_model_cannot_hear_is_filtered_out():
    high = tone(48_000, 1, 11_000.0).astype(np.float32)  # above half of 16 kHz
    assert np.abs(resampled(high, 48_000, 16_000)[200:-200]).max() < 0.01


def test_lengths(tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, (1000 * tone(8000, 2.6)).astype(np.int16))
    reader = WavFiles({"r": tmp_path / "a.wav"}, {"r": 3})
    reader.check()
    filled = reader.sound("r", 8000)
    assert len(filled) == 3 * 8000
    assert (filled[int(2.6 * 8000) :] == filled[int(2.6 * 8000) - 1]).all()
    np.testing.assert_array_equal(read(tmp_path / "a.wav", 2, 8000), filled[:16_000])
    for ask in (WavFiles.check, lambda r: r.sound("r", 8000)):
        with pytest.raises(
            ExtractionError, match=r"run 'r': .*a.wav lasts 2.60 s where the run lasts 4 s"
        ):
            ask(WavFiles({"r": tmp_path / "a.wav"}, {"r": 4}))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ExtractionError, match="run 's': no wav file; there are files for r"):
        WavFiles({"r": tmp_path / "a.wav"}, {"s": 1}).check()
    with pytest.raises(ExtractionError, match=r"a.wav cannot be read .No such file"):
        WavFiles({"r": tmp_path / "a.wav"}, {"r": 1}).check()
    wavfile.write(tmp_path / "a.wav", 8000, tone(8000, 1).astype(np.float32))
    whole = (tmp_path / "a.wav").read_bytes()
    for content in (b"", b"RIFF", b"no wav at all" * 9, whole[:20], whole[:50]):
        (tmp_path / "a.wav").write_bytes(content)
        reader = WavFiles({"r": tmp_path / "a.wav"}, {"r": 1})
        with pytest.raises(
            ExtractionError, match=r"a\.wav (cannot be read|lasts 0.00 s)"
        ) as caught:
            reader.sound("r", 8000)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (1, [[0], [1], [2], [3]]),
        (2, [[0, 0], [0, 1], [1, 2], [2, 3]]),
        (3, [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]]),
        (6, [[0] * 6, [0] * 5 + [1], [0] * 4 + [1, 2], [0, 0, 0, 1, 2, 3]]),
    ],
)
def test_the_first_second_fills_the_start(window, expected):
    samples = np.repeat(np.arange(4), 5).astype(np.float32)  # four seconds at 5 Hz
    found = segments(samples, 5, window)
    np.testing.assert_array_equal(found, np.repeat(expected, 5, axis=1))
