"""Frames out of folders and films: which frames a second has, what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from d2b_ray.errors import ExtractionError
from d2b_ray.features import ImageFolders, VideoFiles


def write_images(folder, count, first=0, suffix=".png"):
    """Images whose colour is their place."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(count):
        image = np.full((4, 6, 3), place, np.uint8)
        Image.fromarray(image).save(folder / f"frame_{first + place:05d}{suffix}")
    return folder


def places(reader, run, seconds):
    return [[int(frame[0, 0, 0]) for frame in reader.frames(run, s)] for s in range(seconds)]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (30, [[0, 15], [30, 45], [60, 75]]),  # as drama2brain samples
        (25, [[0, 12], [25, 37], [50, 62]]),
        (29.97, [[0, 14], [29, 44], [59, 74]]),
        (2, [[0, 1], [2, 3], [4, 5]]),
        (1, [[0, 0], [1, 1], [2, 2]]),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_first_and_middle_frame(tmp_path, rate, expected, first):
    folder = write_images(tmp_path / "Glee_001", 80, first)
    reader = ImageFolders({"r": folder}, {"r": 3}, rate)
    reader.check()
    assert places(reader, "r", 3) == expected


def test_frames_are_colour_images_and_other_files_are_left(tmp_path):
    folder = write_images(tmp_path, 2)
    (folder / "rate.json").write_text("{}")
    Image.fromarray(np.full((4, 6), 7, np.uint8)).save(folder / "frame_00001.png")
    frame = ImageFolders({"r": folder}, {"r": 1}, 2).frames("r", 0)[1]
    assert (frame.shape, frame.dtype) == ((4, 6, 3), np.uint8)
    assert (frame == 7).all()


def test_frames_that_lack(tmp_path):
    folder = write_images(tmp_path / "run", 44)
    ImageFolders({"r": folder}, {"r": 1}).check()
    with pytest.raises(
        ExtractionError, match=r"run 'r': frame 45 is missing; .* 44 frames, 1.47 s at 30 a second"
    ):
        ImageFolders({"r": folder}, {"r": 2}).check()
    (folder / "frame_00007.png").unlink()
    with pytest.raises(ExtractionError, match="no frame 7 although later ones are there"):
        ImageFolders({"r": folder}, {"r": 1}).check()
    with pytest.raises(ExtractionError, match=r"run 's': no folder of frames; there are .* r"):
        ImageFolders({"r": folder}, {"s": 1}).check()
    with pytest.raises(ExtractionError, match=r"cannot be read .No such file"):
        ImageFolders({"r": tmp_path / "no"}, {"r": 1}).check()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExtractionError, match="holds no frames; names end in the frame's number"):
        ImageFolders({"r": tmp_path / "empty"}, {"r": 1}).check()
    with pytest.raises(ExtractionError, match="frames_a_second: 0 is not allowed"):
        ImageFolders({"r": folder}, {"r": 1}, 0).check()


def test_a_damaged_image_is_one_line(tmp_path):
    folder = write_images(tmp_path, 2)
    content = (folder / "frame_00001.png").read_bytes()
    (folder / "frame_00001.png").write_bytes(content[: len(content) // 2])
    reader = ImageFolders({"r": folder}, {"r": 1}, 2)
    with pytest.raises(
        ExtractionError, match=r"frame_00001.png: no image that can be read"
    ) as caught:
        reader.frames("r", 0)
    assert "\n" not in str(caught.value)


def write_film(path, count, rate, codec="mpeg4"):
    """A film whose frames have rising brightness, 2 a frame."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 12
        for place in range(count):
            image = np.full((48, 64, 3), 2 * place, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)
    return path


def brightness(frames):
    return [float(frame.mean()) / 2 for frame in frames]


@pytest.mark.parametrize(("rate", "middle"), [(10, 5), (25, 12)])
def test_frames_of_a_film_are_those_on_screen(tmp_path, rate, middle):
    path = write_film(tmp_path / "film.mp4", 4 * rate, rate)
    reader = VideoFiles({"r": path}, {"r": 4})
    reader.check()
    for second in (0, 1, 2, 3, 0, 3, 1):  # forwards, and by seeking
        frames = reader.frames("r", second)
        assert frames[0].shape == (48, 64, 3)
        expected = [second * rate, second * rate + middle]
        np.testing.assert_allclose(brightness(frames), expected, atol=1.5)


def test_a_film_and_its_frames_in_a_folder_agree(tmp_path):
    path = write_film(tmp_path / "film.mp4", 60, 30)
    folder = write_images(tmp_path / "images", 60)
    film = VideoFiles({"r": path}, {"r": 2})
    images = ImageFolders({"r": folder}, {"r": 2}, 30)
    for second in (0, 1):
        shown = brightness(film.frames("r", second))
        np.testing.assert_allclose(shown, places(images, "r", 2)[second], atol=1.5)


def test_far_ahead_is_found_by_seeking(tmp_path, monkeypatch):
    monkeypatch.setattr("d2b_ray.features.frames.video.LEAP_S", 1.0)
    path = write_film(tmp_path / "film.mp4", 100, 10)
    reader = VideoFiles({"r": path, "s": path}, {"r": 10, "s": 10})
    for run, second in (("r", 0), ("r", 8), ("s", 9), ("r", 3)):
        shown = brightness(reader.frames(run, second))
        np.testing.assert_allclose(shown, [10 * second, 10 * second + 5], atol=1.5)


def test_films_that_cannot_be_read(tmp_path):
    path = write_film(tmp_path / "film.mp4", 20, 10)
    with pytest.raises(ExtractionError, match=r"run 'r': .* lasts 2.00 s where the run lasts 4 s"):
        VideoFiles({"r": path}, {"r": 4}).check()
    with pytest.raises(ExtractionError, match=r"ends before 3 s; give the whole video"):
        VideoFiles({"r": path}, {"r": 4}).frames("r", 3)
    with pytest.raises(ExtractionError, match="run 's': no video file; there are files for r"):
        VideoFiles({"r": path}, {"s": 4}).check()
    for content in (b"", b"no film at all" * 99):
        (tmp_path / "broken.mp4").write_bytes(content)
        with pytest.raises(ExtractionError, match="cannot be read as video") as caught:
            VideoFiles({"r": tmp_path / "broken.mp4"}, {"r": 4}).check()
        assert "\n" not in str(caught.value)
    with pytest.raises(ExtractionError, match=r"cannot be read as video .No such file"):
        VideoFiles({"r": tmp_path / "none.mp4"}, {"r": 4}).check()


def test_without_pyav_a_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ExtractionError, match="run pip install av, or give a folder of PNG"):
        VideoFiles({"r": tmp_path / "film.mp4"}, {"r": 4}).check()
