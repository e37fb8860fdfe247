"""Say in every video that it is synthetic: sign a C2PA manifest into the mp4, and tell what a file's manifest says.

Nothing here reaches the network: no time-stamp authority is asked, and no remote manifest or revocation list fetched.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obamanet.errors import OutputError, ProvenanceError
from obamanet.files import HASH_CHUNK, atomic_path

if TYPE_CHECKING:
    import c2pa
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

KEY_FOLDER_VARIABLE = "OBAMANET_KEY_DIR"
"""Environment variable that names the folder of the local key."""

LOCAL_KEY_NAME = "signing_key.pem"
"""One file for key and certificates, so that two first runs at once cannot mix theirs."""

LOCAL_SIGNER = "obamanet local key"
"""Common name in the certificate that this program makes for itself."""

LOCAL_KEY_LIFE = timedelta(days=20 * 365)
"""Without a time-stamp a signature ends with its certificate, so the certificate outlives the videos."""

CLOCK_ERROR = timedelta(days=1)
"""A new certificate counts from this much earlier, for machines whose clocks run behind."""

BOX_HEAD = 8
"""Bytes of an mp4 box's size and type."""

MIME_TYPE = "video/mp4"

MOUTH_MOVEMENTS = "mouth movements in this video"
"""What is synthetic in a video of a person who speaks."""

PICTURE_TYPE = "image/png"
"""Type of the picture that keys are tried on."""

PICTURE_TYPES = {b"\x89PNG\r\n\x1a\n": PICTURE_TYPE, b"\xff\xd8\xff": "image/jpeg"}
"""Types of the pictures that are signed, by their first bytes (W3C PNG, section 5.2; ITU-T T.81, table B.1)."""

SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"backing_store_memory_threshold_in_mb": 1, "merkle_tree_chunk_size_in_kb": 1024},
    "builder": {"thumbnail": {"enabled": False}},
}
"""c2pa settings: stay off the network, embed no second picture, and work in pieces.

By default c2pa holds the video twice in memory; hashed by the mebibyte, an hour takes no more than ten seconds.
"""

UNCOVERED = (b"ftyp", b"free", b"skip", b"mfra")
"""Top-level boxes of an mp4 that C2PA's hash leaves out (C2PA 2.x, "BMFF-based hash"): file type, padding, an index."""

UNCOVERED_LABEL = "obamanet.uncovered"
"""Our own assertion: the SHA-256 of those boxes, so that a change in them shows too."""

RENDERED_WITH = " Rendered with the trained person "
"""What stands before each person's name in the statement; a full stop follows."""

UNTRUSTED = "signingCredential.untrusted"
"""Status code of a sound signature by someone who is on no list of known authorities."""

EXPLAINED = {
    UNCOVERED_LABEL: "file type or padding was changed, or something was appended, after signing",
    "assertion.bmffHash.mismatch": "picture, sound or metadata was changed after signing",
    "assertion.hashedURI.mismatch": "the manifest's statements were changed after signing",
    "claimSignature.mismatch": "the signature does not fit the manifest",
    "signingCredential.expired": "the signer's certificate has expired",
    "signingCredential.invalid": "the signer's certificate is not fit for signing videos",
}
"""Plain words for the status codes of C2PA 2.x (section Validation) that a person is likely to meet."""


class Synthetic(Enum):
    """How a video was made; the value is IPTC's digital source type (cv.iptc.org/newscodes/digitalsourcetype)."""

    WHOLE_FACE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    INPAINTED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class SigningKey:
    """PEM files to sign with: the certificate chain, the signer's own first, and its private key (unencrypted)."""

    certificate_chain: Path
    private_key: Path


@dataclass(frozen=True)
class ProvenanceReport:
    """What a video says about its making, and whether that can be relied on.

    ``found``: there is a manifest. ``intact``: hashes and signature are valid, so nothing that they cover changed since
    signing. ``uncovered`` bytes of file type and padding are covered by none; 0 in what this program signed.
    ``trusted``: the signer descends from a known authority; a local key never does, and that is no damage.
    ``problems`` holds one line per finding that breaks intactness. ``comment`` is the plain metadata tag.
    """

    path: Path
    found: bool
    intact: bool = False
    trusted: bool = False
    signer: str | None = None
    kind: Synthetic | None = None
    digital_source_type: str | None = None
    generator: str | None = None
    title: str | None = None
    statement: str | None = None
    comment: str | None = None
    problems: tuple[str, ...] = ()
    uncovered: int = 0


def sign_video(
    path: Path,
    *,
    kind: Synthetic,
    software: str,
    key: SigningKey | None = None,
    persons: Sequence[str] = (),
    title: str | None = None,
    parts: Sequence[Path] = (),
    subject: str = MOUTH_MOVEMENTS,
    note: str = "",
) -> None:
    """Embeds a signed manifest into an mp4, or a PNG or JPEG picture, in place and whole or not at all.

    The manifest follows the C2PA 2.x specification: the action c2pa.created with a digital source type; where there are
    parts also c2pa.edited, which names them all; and for every mp4 among them whose own manifest, if any, is intact an
    ingredient and c2pa.placed.

    Args:
        path: the mp4 or the picture.
        kind: how it was made.
        software: name/version, e.g. ``obamanet/0.1.0``.
        key: the user's own; None for the local key, which is made on first use.
        persons: trained persons whose faces it shows, named in the statement.
        title: the video's final name, for a file that is signed before it takes it; None for its present name.
        parts: videos that it was put together from; manifests inside them are kept.
        subject: what in it is synthetic, in the plural.
        note: a further sentence for the statement.

    Raises:
        ProvenanceError: the key, the video or a part is unfit, or a part cannot be read.
        OutputError: it cannot be written.
    """
    import c2pa

    mime = _mime_type(path)
    signer = _signer(key or local_key())
    ingredients = [part for part in parts if _may_be_ingredient(part)]
    statement = _statement(subject, persons, note, assembled=bool(parts))
    definition = _manifest(kind, software, statement, _text(title or path.name), _uncovered(path)[0], parts, mime)
    definition["assertions"][0]["data"]["actions"] += [_placed(number) for number in range(len(ingredients))]
    try:
        with (
            c2pa.Context.from_dict(SETTINGS) as context,
            signer,
            c2pa.Builder(definition, context) as builder,
            atomic_path(path) as part,
        ):
            for number, ingredient in enumerate(ingredients):
                _add_ingredient(builder, number, ingredient)
            with path.open("rb") as source, part.open("w+b") as target:
                builder.sign(signer, mime, source, target)
            # An mp4 of unusual layout can be signed in a way that does not verify; such a file must not get out.
            signed = verify_video(part)
            if not signed.intact:
                raise ProvenanceError(f"signed video does not verify ({'; '.join(signed.problems)}): {path}")
    except c2pa.C2paError as error:
        # c2pa does not pass on why a write failed.
        if shutil.disk_usage(path.parent).free < path.stat().st_size:
            raise OutputError(f"no space left on the disk while signing: {path}") from error
        raise ProvenanceError(f"video could not be signed ({_line(error)}): {path}") from error


def check_key(key: SigningKey | None) -> None:
    """Makes sure that :func:`sign_video` will be able to sign with ``key``, or with the local key where it is None.

    Signs a picture of one pixel in memory and verifies it, since certificates are judged on signing alone. For the
    start of long work, whose end would be a bad time to hear of it. Raises :class:`ProvenanceError`.
    """
    import c2pa
    import cv2
    import numpy as np

    chosen = key or local_key()
    signer, signed = _signer(chosen), io.BytesIO()
    pixel = io.BytesIO(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes())
    definition = _manifest(Synthetic.WHOLE_FACE, "key/check", "", "key check", hashlib.sha256().hexdigest())
    try:
        with c2pa.Context.from_dict(SETTINGS) as context:
            with signer, c2pa.Builder(definition, context) as builder:
                builder.sign(signer, PICTURE_TYPE, pixel, signed)
            signed.seek(0)
            with c2pa.Reader(PICTURE_TYPE, signed, context=context) as reader:
                problems = _problems(reader.get_validation_results() or {})
    except c2pa.C2paError as error:
        problems = [_line(error)]
    if problems:
        raise ProvenanceError(f"key cannot sign videos ({'; '.join(problems)}): {chosen.certificate_chain}")


def verify_video(path: Path, trust: Path | None = None) -> ProvenanceReport:
    """Returns what the manifest in the mp4, PNG or JPEG at ``path`` says and whether the file is as it was signed.

    ``trust`` is a PEM file of authorities to trust; without it nobody is trusted.
    Raises :class:`ProvenanceError` when the file is missing or of another kind.
    """
    import c2pa

    mime = _mime_type(path)
    comment = comment_of(path)
    settings = SETTINGS if trust is None else {**SETTINGS, "trust": {"user_anchors": _read_pem(trust)}}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            path.open("rb") as stream,
            c2pa.Reader(mime, stream, context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            state = reader.get_validation_state()
            results = reader.get_validation_results() or {}
    except c2pa.C2paError.ManifestNotFound:
        return ProvenanceReport(path, found=False, comment=comment)
    except c2pa.C2paError as error:
        problem = f"the manifest cannot be read ({_line(error)})"
        return ProvenanceReport(path, found=True, comment=comment, problems=(problem,))
    except (KeyError, ValueError):
        # c2pa's own reader, for a manifest whose parts no longer name each other.
        problem = "the manifest cannot be read (its parts do not fit together)"
        return ProvenanceReport(path, found=True, comment=comment, problems=(problem,))
    return _report(path, manifest, state, results, comment)


def persons_named(report: ProvenanceReport) -> tuple[str, ...]:
    """Returns the names of the trained persons that the manifest's statement says the video shows."""
    if not isinstance(report.statement, str):
        return ()
    return tuple(part.removesuffix(".") for part in report.statement.split(RENDERED_WITH)[1:])


def persons_in(path: Path) -> tuple[str, ...]:
    """Returns the names of the trained persons that the manifest of a video, of whatever format, says it shows."""
    return persons_named(verify_video(path)) if _is_mp4(path) else ()


def comment_of(path: Path) -> str | None:
    """Returns the plain comment tag of the video at ``path``; a file too damaged to open has none."""
    import av

    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace") as opened:
            return opened.metadata.get("comment")
    except av.FFmpegError:
        return None


def describe(report: ProvenanceReport) -> list[str]:
    """Returns the report as lines for people, the verdict first."""
    comment = [f"comment: {report.comment}"] if report.comment else []
    if not report.found:
        return [f"{report.path}: no C2PA manifest found", *comment]
    if not report.intact:
        verdict = "manifest found, but it does NOT hold"
    elif report.trusted:
        verdict = "unchanged since signing, signed by a known authority"
    else:
        verdict = "unchanged since signing, signed by a local key, not by a known authority"
    lines = [f"{report.path}: {verdict}", *(f"problem: {problem}" for problem in report.problems)]
    if report.intact:
        rest = f"{report.uncovered} bytes of file type and padding, and " if report.uncovered else ""
        lines.append(f"not covered by hash or signature: {rest}labels and padding inside the manifest")
    made = {
        Synthetic.WHOLE_FACE: "synthetic: the whole picture was generated by a trained network",
        Synthetic.INPAINTED: "synthetic: recorded footage with parts generated by a trained network",
        None: f"source type: {report.digital_source_type or 'not stated'}",
    }
    lines.append(made[report.kind])
    named = {"title": report.title, "made by": report.generator, "signed by": report.signer}
    lines += [f"{name}: {value}" for name, value in named.items() if value]
    return lines + ([f"statement: {report.statement}"] if report.statement else []) + comment


def key_folder() -> Path:
    """Returns the folder of the local key: ``OBAMANET_KEY_DIR``, else the system's place for configuration."""
    if chosen := os.environ.get(KEY_FOLDER_VARIABLE):
        return Path(chosen)
    from platformdirs import user_config_path

    return user_config_path("obamanet", appauthor=False)


def local_key() -> SigningKey:
    """Returns the local key, made on first use and readable by its owner alone.

    Raises :class:`ProvenanceError` when it cannot be made.
    """
    path = key_folder() / LOCAL_KEY_NAME
    if not path.exists():
        try:
            with atomic_path(path) as part:
                part.touch(mode=0o600)
                part.write_bytes(_make_local_key())
        except OutputError as error:
            raise ProvenanceError(
                f"local signing key cannot be made, set {KEY_FOLDER_VARIABLE} to a writable folder: {error}"
            ) from error
    return SigningKey(certificate_chain=path, private_key=path)


def _make_local_key() -> bytes:
    """Returns a new P-256 key, its certificate and the authority that signed it, as PEM.

    C2PA refuses certificates that sign themselves, hence the authority; its own key is forgotten here, so that nobody
    can ever make another certificate in its name.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    certificates = [
        _certificate(LOCAL_SIGNER, own.public_key(), authority, is_authority=False),
        _certificate("obamanet local authority", authority.public_key(), authority, is_authority=True),
    ]
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates) + key


def _certificate(
    name: str, public: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePrivateKey, is_authority: bool
) -> x509.Certificate:
    """Returns a certificate that fits C2PA 2.x, section "Certificate profiles" (RFC 5280 fields)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "obamanet")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("obamanet local authority"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_ERROR)
        .not_valid_after(now + LOCAL_KEY_LIFE)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if not is_authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _signer(key: SigningKey) -> c2pa.Signer:
    """Returns what signs with ``key``, after checking that chain and key are readable and belong together."""
    import c2pa
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    try:
        chain = x509.load_pem_x509_certificates(_read_pem(key.certificate_chain).encode())
    except ValueError as error:
        raise ProvenanceError(f"not a PEM certificate chain: {key.certificate_chain}") from error
    try:
        private = load_pem_private_key(_read_pem(key.private_key).encode(), password=None)
    except TypeError as error:
        raise ProvenanceError(f"private key is encrypted, give one without a password: {key.private_key}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ProvenanceError(f"not a PEM private key: {key.private_key}") from error
    if chain[0].public_key() != private.public_key():
        raise ProvenanceError(
            f"private key does not belong to the chain's first certificate: {key.private_key}, {key.certificate_chain}"
        )
    certificates = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(_algorithm(private, key), certificates, secret, None))
    except c2pa.C2paError as error:
        raise ProvenanceError(f"key cannot sign videos ({_line(error)}): {key.private_key}") from error


def _algorithm(private: PrivateKeyTypes, key: SigningKey) -> bytes:
    """Returns C2PA's name of the signature algorithm that goes with the kind of key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey):
        for curve, algorithm in ((ec.SECP256R1, b"es256"), (ec.SECP384R1, b"es384"), (ec.SECP521R1, b"es512")):
            if isinstance(private.curve, curve):
                return algorithm
    if isinstance(private, rsa.RSAPrivateKey):
        return b"ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    raise ProvenanceError(
        f"kind of private key is not allowed, take EC P-256/384/521, RSA or Ed25519: {key.private_key}"
    )


def _statement(subject: str, persons: Sequence[str], note: str, *, assembled: bool) -> str:
    """Returns the sentences that say what is synthetic, and whose faces are shown."""
    made = ", put together from other videos, are to be taken as synthetic" if assembled else " are synthetic"
    shown = "".join(f"{RENDERED_WITH}{person}." for person in persons)
    return f"The {subject}{made}.{f' {note}' if note else ''}{shown}"


def _manifest(
    kind: Synthetic,
    software: str,
    statement: str,
    title: str,
    uncovered: str,
    parts: Sequence[Path] = (),
    mime: str = MIME_TYPE,
) -> dict[str, Any]:
    """Returns the manifest definition: who generated what, of which ``parts``, and the hash of ``uncovered``."""
    name, _, version = software.partition("/")
    generator = {"name": name, "version": version} if version else {"name": name}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": kind.value,
        "softwareAgent": generator,
        "description": statement,
    }
    edits: list[dict[str, Any]] = []
    if parts:
        names = ", ".join(_text(part.name) for part in parts)
        description = f"Put together from: {names}."
        edits.append({"action": "c2pa.edited", "softwareAgent": generator, "description": description})
    return {
        "claim_generator_info": [generator],
        "title": title,
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created, *edits]}},
            {"label": UNCOVERED_LABEL, "data": {"alg": "sha256", "hash": uncovered}},
        ],
    }


def _may_be_ingredient(path: Path) -> bool:
    """Returns whether the video at ``path`` is one that c2pa takes: an mp4 whose manifest, if any, holds."""
    if not _is_mp4(path):
        return False
    report = verify_video(path)
    return report.intact or not report.found


def _add_ingredient(builder: c2pa.Builder, number: int, path: Path) -> None:
    """Gives the video at ``path``, with the manifest that it has, to ``builder``."""
    import c2pa

    ingredient = {"title": _text(path.name), "relationship": "componentOf", "label": _ingredient_label(number)}
    try:
        with path.open("rb") as stream:
            builder.add_ingredient(ingredient, MIME_TYPE, stream)
    except (c2pa.C2paError, OSError) as error:
        raise ProvenanceError(f"video cannot be named as a part ({_line(error)}): {path}") from error


def _placed(number: int) -> dict[str, Any]:
    return {"action": "c2pa.placed", "parameters": {"ingredientIds": [_ingredient_label(number)]}}


def _ingredient_label(number: int) -> str:
    return f"part-{number + 1}"


def _report(
    path: Path, manifest: dict[str, Any], state: str | None, results: dict[str, Any], comment: str | None
) -> ProvenanceReport:
    """Turns c2pa's findings into a report."""
    intact = state in ("Valid", "Trusted")
    digest, uncovered = _uncovered(path)
    ours = _assertion(manifest, UNCOVERED_LABEL)
    if ours is not None:
        uncovered = 0
    problems = _problems(results)
    if ours is not None and ours.get("hash") != digest:
        intact, problems = False, [*problems, _problem({"code": UNCOVERED_LABEL})]
    if not intact and not problems:
        problems = ["the manifest is not valid"]
    created = _created(manifest)
    source_type = created.get("digitalSourceType")
    generators = manifest.get("claim_generator_info") or [{}]
    signature = manifest.get("signature_info") or {}
    names = (signature.get("common_name"), signature.get("issuer"))
    return ProvenanceReport(
        path=path,
        found=True,
        intact=intact,
        trusted=state == "Trusted",
        signer=" of ".join(name for name in names if name) or None,
        kind=next((kind for kind in Synthetic if kind.value == source_type), None),
        digital_source_type=source_type,
        generator=" ".join(generators[0][part] for part in ("name", "version") if generators[0].get(part)) or None,
        title=manifest.get("title"),
        statement=created.get("description"),
        comment=comment,
        problems=tuple(problems),
        uncovered=uncovered,
    )


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any] | None:
    """Returns the data of the assertion ``label``, None where there is none."""
    found = (one.get("data") for one in manifest.get("assertions", []) if one.get("label") == label)
    return next((data for data in found if isinstance(data, dict)), None)


def _uncovered(path: Path) -> tuple[str, int]:
    """Returns the SHA-256 of the boxes UNCOVERED of the mp4 at ``path``, as hexadecimal digits, and their bytes.

    Boxes are walked as ISO/IEC 14496-12, section 4.2, has them: 32 bit size, type, perhaps a 64 bit size; 0 is to the
    file's end. What does not look like a box ends the walk; C2PA's hash covers it.
    """
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        start = 0
        while start + BOX_HEAD <= end:
            stream.seek(start)
            head = stream.read(BOX_HEAD + 8)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            size = int.from_bytes(head[8:], "big") if size == 1 else size or end - start
            if size < BOX_HEAD:
                break
            if kind in UNCOVERED:
                count += min(size, end - start)
                stream.seek(start)
                left = min(size, end - start)
                while left and (chunk := stream.read(min(left, HASH_CHUNK))):
                    digest.update(chunk)
                    left -= len(chunk)
            start += size
    return digest.hexdigest(), count


def _created(manifest: dict[str, Any]) -> dict[str, Any]:
    """Returns the action by which the video came into being, or an empty one."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if action.get("action") == "c2pa.created":
                    return action
    return {}


def _problems(results: dict[str, Any]) -> list[str]:
    """Returns in words what breaks the intactness of what was validated."""
    failures = results.get("activeManifest", {}).get("failure", [])
    return [_problem(failure) for failure in failures if failure.get("code") != UNTRUSTED]


def _problem(failure: dict[str, Any]) -> str:
    code = failure.get("code", "unknown")
    return f"{EXPLAINED.get(code) or failure.get('explanation') or 'the manifest is not valid'} ({code})"


def _mime_type(path: Path) -> str:
    """Returns the type of the file at ``path``, by its first bytes; raises ProvenanceError for a wrong one."""
    head = _head(path)
    if picture := next((kind for start, kind in PICTURE_TYPES.items() if head.startswith(start)), None):
        return picture
    if not _is_mp4(path):
        raise ProvenanceError(f"not an mp4 video, nor a PNG or JPEG picture: {path}")
    return MIME_TYPE


def _is_mp4(path: Path) -> bool:
    """Returns whether ``path`` begins like an ISO base media file (ISO/IEC 14496-12: size, then ftyp)."""
    return _head(path)[4:] == b"ftyp"


def _head(path: Path) -> bytes:
    """Returns the first eight bytes of the file at ``path``."""
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise ProvenanceError(f"video cannot be read ({error.strerror}): {path}") from error


def _text(name: str) -> str:
    """Returns a file's name, which may hold bytes that are no text, as the text that a manifest needs."""
    return os.fsencode(name).decode("utf-8", "replace")


def _read_pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError as error:
        raise ProvenanceError(f"key file cannot be read ({error.strerror}): {path}") from error
    except UnicodeDecodeError as error:
        raise ProvenanceError(f"key file is not PEM text: {path}") from error


def _line(error: Exception) -> str:
    """Returns the error's text as one line."""
    return re.sub(r"\s+", " ", str(error)).strip()
