"""Signing and verifying: what the manifest says, that changes are found, and whose keys are accepted."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from made import self_signed

from obamanet import provenance
from obamanet.errors import OutputError, ProvenanceError
from obamanet.provenance import (
    LOCAL_KEY_NAME,
    SigningKey,
    Synthetic,
    check_key,
    describe,
    key_folder,
    local_key,
    sign_video,
    verify_video,
)
from obamanet.video import VideoWriter, read_frames

COMMENT = "Synthetic video: this face was made to speak by a program."
SOFTWARE = "obamanet/9.8.7"


@pytest.fixture(autouse=True)
def key_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the local key of these tests away from the user's own."""
    folder = tmp_path / "keys"
    monkeypatch.setenv("OBAMANET_KEY_DIR", str(folder))
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    with VideoWriter(path, (64, 48), Fraction(25), comment=COMMENT) as writer:
        for level in range(0, 200, 20):
            writer.write(np.full((48, 64, 3), level, np.uint8))
    return path


def box(content: bytes, name: bytes) -> tuple[int, int]:
    """Return where the top-level box ``name`` begins and ends (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while content[at + 4 : at + 8] != name:
        at += int.from_bytes(content[at : at + 4], "big")
    return at, at + int.from_bytes(content[at : at + 4], "big")


def with_flipped_byte(path: Path, at: int) -> Path:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    changed = path.with_name(f"changed_{at}.mp4")
    changed.write_bytes(content)
    return changed


class TestStatement:
    @pytest.mark.parametrize(
        ("kind", "source"),
        [
            (Synthetic.WHOLE_FACE, "trainedAlgorithmicMedia"),
            (Synthetic.INPAINTED, "compositeWithTrainedAlgorithmicMedia"),
        ],
    )
    def test_says_what_made_it_and_how(self, video: Path, kind: Synthetic, source: str) -> None:
        sign_video(video, kind=kind, software=SOFTWARE, persons=["grid_s1"])
        report = verify_video(video)
        assert (report.found, report.intact, report.trusted, report.problems) == (True, True, False, ())
        assert report.kind is kind
        assert report.digital_source_type == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
        assert report.generator == "obamanet 9.8.7"
        assert report.title == "talk.mp4"
        assert report.comment == COMMENT
        assert report.signer is not None
        assert "local key" in report.signer
        assert report.statement is not None
        assert "grid_s1" in report.statement

    def test_signing_changes_neither_pictures_nor_layout(self, video: Path) -> None:
        before = [frame.image for frame in read_frames(video)]
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        after = [frame.image for frame in read_frames(video)]
        np.testing.assert_array_equal(before, after)
        content = video.read_bytes()
        assert box(content, b"moov") < box(content, b"mdat")
        assert sorted(entry.name for entry in video.parent.iterdir()) == ["keys", "talk.mp4"]

    def test_a_writer_signs_before_the_name_appears(self, tmp_path: Path) -> None:
        path = tmp_path / "new.mp4"

        def finish(part: Path) -> None:
            sign_video(part, kind=Synthetic.WHOLE_FACE, software=SOFTWARE, title=path.name)

        with VideoWriter(path, (64, 48), Fraction(25), comment=COMMENT, finish=finish) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
        report = verify_video(path)
        assert report.intact
        assert report.title == "new.mp4"
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["keys", "new.mp4"]

    def test_a_title_that_is_no_text_is_told_as_far_as_it_is(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE, title="caf\udce9.mp4")
        assert verify_video(video).title == "caf\ufffd.mp4"

    def test_signing_again_leaves_one_valid_statement(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        sign_video(video, kind=Synthetic.INPAINTED, software=SOFTWARE)
        report = verify_video(video)
        assert report.intact
        assert report.kind is Synthetic.INPAINTED

    def test_a_failed_signing_leaves_the_video(self, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import c2pa

        def refuse(*_: object) -> None:
            raise c2pa.C2paError("Signature:\n refused")

        before = video.read_bytes()
        monkeypatch.setattr(c2pa.Builder, "sign", refuse)
        with pytest.raises(ProvenanceError, match=r"could not be signed \(Signature: refused\)"):
            sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        assert video.read_bytes() == before

    def test_an_mp4_that_cannot_be_signed_soundly_is_refused(self, video: Path) -> None:
        # A second mdat box, which no encoder here writes, is hashed differently on signing and on reading.
        content = video.read_bytes() + (8 + 3 * 2**20).to_bytes(4, "big") + b"mdat" + bytes(3 * 2**20)
        video.write_bytes(content)
        with pytest.raises(ProvenanceError, match="does not verify"):
            sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        assert video.read_bytes() == content

    def test_a_video_of_many_pieces_is_signed_and_every_piece_is_covered(self, tmp_path: Path) -> None:
        path, noise = tmp_path / "long.mp4", np.random.default_rng(3)
        pictures = [noise.integers(0, 255, (480, 640, 3), dtype=np.uint8) for _ in range(4)]
        with VideoWriter(path, (640, 480), Fraction(25), crf=1, preset="ultrafast") as writer:
            for number in range(8):
                writer.write(pictures[number % 4])
        sign_video(path, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        assert verify_video(path).intact
        start, end = box(path.read_bytes(), b"mdat")
        assert end - start > 3 * 2**20
        for at in range(start + 1000, end, 2**20):
            assert not verify_video(with_flipped_byte(path, at)).intact

    def test_nothing_is_printed(self, video: Path, capfd: pytest.CaptureFixture[str]) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        verify_video(video)
        verify_video(with_flipped_byte(video, video.stat().st_size - 5))
        assert capfd.readouterr() == ("", "")


class TestVerify:
    @pytest.mark.parametrize("name", [b"moov", b"mdat"])
    def test_one_changed_byte_is_found_wherever_it_is(self, video: Path, name: bytes) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        start, end = box(video.read_bytes(), name)
        for at in np.linspace(start + 8, end - 1, 12).astype(int):
            report = verify_video(with_flipped_byte(video, int(at)))
            assert report.found
            assert not report.intact, f"byte {at} of {name!r}"
            assert report.problems

    def test_the_problem_is_named(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        report = verify_video(with_flipped_byte(video, box(video.read_bytes(), b"mdat")[1] - 1))
        [problem] = report.problems
        assert "changed after signing" in problem
        assert "assertion.bmffHash.mismatch" in problem
        assert "does NOT hold" in describe(report)[0]

    def test_a_changed_statement_is_found(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.INPAINTED, software=SOFTWARE)
        report = verify_video(with_flipped_byte(video, video.read_bytes().index(b"compositeWithTrained")))
        assert report.found
        assert not report.intact
        assert report.kind is None
        assert "statements were changed" in report.problems[0]

    def test_a_cut_off_video_is_found(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        content = video.read_bytes()
        for length in (len(content) - 1, len(content) - 200):
            video.write_bytes(content[:length])
            report = verify_video(video)
            assert not report.intact
            assert report.problems

    def test_an_unsigned_video(self, video: Path) -> None:
        report = verify_video(video)
        assert (report.found, report.intact, report.trusted) == (False, False, False)
        assert report.comment == COMMENT
        assert describe(report) == [f"{video}: no C2PA manifest found", f"comment: {COMMENT}"]

    def test_a_reencoded_video_has_lost_its_manifest(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        again = video.with_name("again.mp4")
        with VideoWriter(again, (64, 48), Fraction(25)) as writer:
            for frame in read_frames(video):
                writer.write(frame.image)
        assert not verify_video(again).found

    def test_trust_needs_a_named_authority(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        assert "by a local key, not by a known authority" in describe(verify_video(video))[0]
        report = verify_video(video, trust=local_key().certificate_chain)
        assert report.trusted
        assert "signed by a known authority" in describe(report)[0]

    def test_the_description_tells_everything(self, video: Path) -> None:
        sign_video(video, kind=Synthetic.INPAINTED, software=SOFTWARE, persons=["me"])
        lines = "\n".join(describe(verify_video(video)))
        for part in ("unchanged", "recorded footage with parts generated", "talk.mp4", "obamanet 9.8.7", "me", COMMENT):
            assert part in lines

    @pytest.mark.parametrize("content", [b"", b"GIF89a a photo", b"RIFF____AVI LIST"])
    def test_other_files_are_refused_in_one_line(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "photo.mp4"
        path.write_bytes(content)
        with pytest.raises(ProvenanceError, match="not an mp4 video") as caught:
            verify_video(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(ProvenanceError, match="not an mp4 video"):
            sign_video(path, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)

    def test_absent_files_and_folders(self, tmp_path: Path) -> None:
        with pytest.raises(ProvenanceError, match="No such file"):
            verify_video(tmp_path / "absent.mp4")
        with pytest.raises(ProvenanceError, match=r"cannot be read|not an mp4"):
            verify_video(tmp_path)


class TestLocalKey:
    def test_is_made_once_and_private(self, key_dir: Path) -> None:
        first = local_key()
        content = first.private_key.read_bytes()
        assert first.private_key == key_dir / LOCAL_KEY_NAME
        assert stat.S_IMODE(first.private_key.stat().st_mode) == 0o600
        assert local_key() == first
        assert first.private_key.read_bytes() == content
        assert [entry.name for entry in key_dir.iterdir()] == [LOCAL_KEY_NAME]

    def test_certificates_fit_the_profile(self) -> None:
        own, authority = x509.load_pem_x509_certificates(local_key().certificate_chain.read_bytes())
        own.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(authority)
        assert own.issuer != own.subject
        assert own.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        purposes = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(purposes) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        subject = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        issuer = own.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert issuer.key_identifier == subject.digest
        assert own.not_valid_before_utc < datetime.now(UTC) < own.not_valid_after_utc

    def test_folder_follows_the_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert key_folder() == tmp_path / "keys"
        monkeypatch.delenv("OBAMANET_KEY_DIR")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        assert key_folder() == tmp_path / "xdg" / "obamanet"
        monkeypatch.delenv("XDG_CONFIG_HOME")
        assert key_folder() == tmp_path / ".config" / "obamanet"

    def test_a_place_that_cannot_be_written_is_said(self, key_dir: Path, video: Path) -> None:
        key_dir.write_text("a file where the folder should be")
        with pytest.raises(ProvenanceError, match="OBAMANET_KEY_DIR") as caught:
            sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        assert "\n" not in str(caught.value)

    def test_a_damaged_key_is_said(self, video: Path) -> None:
        local_key().private_key.write_bytes(b"-----BEGIN NOTHING-----\n")
        with pytest.raises(ProvenanceError, match="not a PEM certificate chain"):
            sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)


AnyKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def own_key(folder: Path, private: AnyKey, days: int = 30, password: bytes | None = None) -> SigningKey:
    """Write a user's own chain and key, made here by other code than the program's."""
    authority = ec.generate_private_key(ec.SECP384R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Studio signer", "Studio CA")]
    names[0] = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Studio"), *names[0]])
    start = datetime.now(UTC) - timedelta(days=10)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    certificate = (
        x509.CertificateBuilder(names[1], names[0], private.public_key(), 77, start, start + timedelta(days=days))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, decipher_only=False, **usage),
            critical=True,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA384())
    )
    encoding = serialization.Encoding.PEM
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = SigningKey(folder / "chain.pem", folder / "key.pem")
    key.certificate_chain.write_bytes(certificate.public_bytes(encoding))
    key.private_key.write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, protection))
    return key


class TestOwnKey:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: ec.generate_private_key(ec.SECP256R1()),
            lambda: ec.generate_private_key(ec.SECP384R1()),
            lambda: rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate,
        ],
        ids=["es256", "es384", "ps256", "ed25519"],
    )
    def test_signs_and_no_local_key_is_made(self, video: Path, key_dir: Path, make: type) -> None:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE, key=own_key(video.parent, make()))
        report = verify_video(video)
        assert report.intact
        assert report.signer == "Studio signer of Studio"
        assert not key_dir.exists()

    def refused(self, video: Path, key: SigningKey, says: str) -> None:
        before = video.read_bytes()
        with pytest.raises(ProvenanceError, match=says) as caught:
            sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE, key=key)
        assert "\n" not in str(caught.value)
        assert video.read_bytes() == before

    def test_unfit_keys_are_refused_in_one_line(self, video: Path) -> None:
        folder = video.parent
        key = own_key(folder, ec.generate_private_key(ec.SECP256R1()))
        (folder / "noise.pem").write_bytes(bytes(range(256)))
        (folder / "text.pem").write_text("no key")
        self.refused(video, SigningKey(folder / "absent.pem", key.private_key), "absent.pem")
        self.refused(video, SigningKey(key.certificate_chain, folder / "absent.pem"), "absent.pem")
        self.refused(video, SigningKey(folder / "noise.pem", key.private_key), "not PEM text")
        self.refused(video, SigningKey(folder / "text.pem", key.private_key), "not a PEM certificate chain")
        self.refused(video, SigningKey(key.certificate_chain, folder / "text.pem"), "not a PEM private key")
        self.refused(video, SigningKey(key.certificate_chain, local_key().private_key), "does not belong")

    def test_what_cannot_sign_is_found_before_there_is_a_video(self, tmp_path: Path) -> None:
        check_key(own_key(tmp_path, ec.generate_private_key(ec.SECP256R1())))
        check_key(None)
        expired = own_key(tmp_path, ec.generate_private_key(ec.SECP256R1()), days=5)
        with pytest.raises(ProvenanceError, match=r"^key cannot sign videos \(.*not valid at time.*chain\.pem$"):
            check_key(expired)
        with pytest.raises(ProvenanceError, match=r"^key cannot sign videos \(.*certificate.*chain\.pem$"):
            check_key(self_signed(tmp_path))

    def test_encrypted_key(self, video: Path) -> None:
        key = own_key(video.parent, ec.generate_private_key(ec.SECP256R1()), password=b"secret")
        self.refused(video, key, "encrypted")

    def test_kind_of_key_that_c2pa_has_no_name_for(self, video: Path) -> None:
        key = own_key(video.parent, ec.generate_private_key(ec.SECP256K1()))
        self.refused(video, key, "kind of private key is not allowed")

    def test_expired_certificate(self, video: Path) -> None:
        key = own_key(video.parent, ec.generate_private_key(ec.SECP256R1()), days=5)
        self.refused(video, key, "could not be signed|cannot sign")


def test_a_full_disk_while_signing_is_said(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    import c2pa

    def fail(*_: object) -> None:
        raise c2pa.C2paError("Io: Other")

    monkeypatch.setattr(c2pa.Builder, "sign", fail)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    with pytest.raises(OutputError, match="no space left"):
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)


def test_the_comment_is_where_players_look(video: Path) -> None:
    sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
    with av.open(str(video)) as container:
        assert container.metadata["comment"] == COMMENT


class TestEveryByte:
    @pytest.fixture
    def signed(self, video: Path) -> Path:
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        return video

    @staticmethod
    def boxes(content: bytes) -> dict[bytes, tuple[int, int]]:
        """Return where each kind of top-level box begins and ends."""
        found, start = {}, 0
        while start < len(content):
            size = int.from_bytes(content[start : start + 4], "big")
            found[content[start + 4 : start + 8]] = (start, start + size)
            start += size
        return found

    def test_what_c2pa_leaves_out_is_covered_too(self, signed: Path) -> None:
        content = signed.read_bytes()
        start, end = self.boxes(content)[b"ftyp"]
        for place in range(start + 8, end):
            changed = bytearray(content)
            changed[place] ^= 1
            signed.write_bytes(changed)
            report = verify_video(signed)
            assert report.found
            assert not report.intact, f"byte {place}"
        assert "file type or padding was changed" in report.problems[0]

    @pytest.mark.parametrize("kind", [b"free", b"skip", b"ftyp", b"abcd", b"mdat"])
    def test_what_is_appended_is_noticed(self, signed: Path, kind: bytes) -> None:
        signed.write_bytes(signed.read_bytes() + (16).to_bytes(4, "big") + kind + b"payload.")
        assert not verify_video(signed).intact

    def test_what_is_not_covered_is_said(self, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        manifest = provenance._manifest

        def another_programs(*arguments: Any) -> dict[str, Any]:
            definition = manifest(*arguments)
            del definition["assertions"][1:]
            return definition

        monkeypatch.setattr(provenance, "_manifest", another_programs)
        sign_video(video, kind=Synthetic.WHOLE_FACE, software=SOFTWARE)
        found = self.boxes(video.read_bytes())
        bytes_left_out = sum(end - start for kind, (start, end) in found.items() if kind in (b"ftyp", b"free"))
        report = verify_video(video)
        assert report.intact
        assert report.uncovered == bytes_left_out > 0
        assert f"not covered by hash or signature: {bytes_left_out} bytes of file type and padding" in "\n".join(
            provenance.describe(report)
        )

    def test_ours_leaves_nothing_but_the_manifests_own(self, signed: Path) -> None:
        report = verify_video(signed)
        assert (report.intact, report.uncovered) == (True, 0)
        assert "not covered by hash or signature: labels and padding inside the manifest" in provenance.describe(report)

    def test_a_manifest_that_lost_its_thread_is_no_bug(self, signed: Path) -> None:
        content = signed.read_bytes()
        start, end = self.boxes(content)[b"uuid"]
        for place in range(start + 8, end, 41):
            changed = bytearray(content)
            changed[place] ^= 1
            signed.write_bytes(changed)
            verify_video(signed)

    def test_parts_that_do_not_name_each_other(self, signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import c2pa

        def lost(_: object) -> None:
            raise KeyError("Active manifest not found in manifest store")

        monkeypatch.setattr(c2pa.Reader, "get_active_manifest", lost)
        report = verify_video(signed)
        assert (report.found, report.intact) == (True, False)
        assert report.problems == ("the manifest cannot be read (its parts do not fit together)",)
