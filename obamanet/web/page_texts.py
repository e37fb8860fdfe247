"""What the page says, in English and Spanish: one table, one line of each."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = {"en": "English", "es": "Español"}
"""Tags of the page's languages, with their own names; the first is shown to browsers that ask for none of them."""


def choose_language(asked: str | None, accepted: str) -> str:
    """Returns the tag of the language that a browser is answered in.

    Args:
        asked: what its address asks for (``?lang=es``); None, or another one, for what the browser prefers.
        accepted: its header Accept-Language (RFC 9110, section 12.5.4), such as ``es-MX,es;q=0.9,en;q=0.8``.
    """
    if asked in LANGUAGES:
        return str(asked)
    ranked: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        try:
            share = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        ranked.append((share, tag.strip().lower().split("-", maxsplit=1)[0]))
    known = [(share, tag) for share, tag in ranked if tag in LANGUAGES and share > 0]
    return max(known, key=lambda each: each[0])[1] if known else next(iter(LANGUAGES))


class Texts:
    """The page's texts in one language.

    Args:
        language: a tag of :data:`LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = list(LANGUAGES).index(language)

    def __call__(self, name: str, **values: object) -> str:
        """Returns the text ``name`` with ``values`` in the places of its braces."""
        return TEXTS[name][self._column].format(**values)


TEXTS: Final[dict[str, tuple[str, str]]] = {
    # The head of the page.
    "tagline": (
        "A sound or a text in, a face that says it out.",
        "Entra un sonido o un texto, sale una cara que lo dice.",
    ),
    "language": ("Language", "Idioma"),
    "skip": ("Skip to the tools", "Saltar a las herramientas"),
    "intro.title": ("In a minute", "En un minuto"),
    "intro.1": (
        "Open <b>Speak</b> and press <i>Example sound</i>, or <b>Say</b> and keep the text that is there.",
        "Abre <b>Hablar</b> y pulsa <i>Sonido de ejemplo</i>, o <b>Decir</b> y deja el texto que ya está.",
    ),
    "intro.2": (
        "Press the coloured button. A few seconds later the video plays.",
        "Pulsa el botón de color. Unos segundos después se ve el vídeo.",
    ),
    "intro.3": (
        "Download it. It is signed: drop it under <b>Verify</b> to see what it says of itself.",
        "Descárgalo. Va firmado: suéltalo en <b>Verificar</b> y verás lo que dice de sí mismo.",
    ),
    "intro.law": (
        "Every video says that it is synthetic, in its metadata and in a signed manifest. Make nobody say or do what "
        "they did not agree to.",
        "Cada vídeo dice que es sintético, en sus metadatos y en un manifiesto firmado. No hagas decir ni hacer a "
        "nadie nada que no haya consentido.",
    ),
    "local": (
        "All of it is made on the machine that serves this page; nothing is sent elsewhere.",
        "Todo se hace en la máquina que sirve esta página; nada se envía a otro sitio.",
    ),
    # Who speaks.
    "person": ("Person", "Persona"),
    "person.card": ("{person}: licence and consent", "{person}: licencia y consentimiento"),
    "person.licence": ("Licence", "Licencia"),
    "person.attribution": ("Attribution", "Atribución"),
    "person.consent": ("Consent", "Consentimiento"),
    "person.size": ("Picture", "Imagen"),
    "person.size.value": (
        "{size} x {size} pixels, {fps} frames per second",
        "{size} x {size} píxeles, {fps} imágenes por segundo",
    ),
    "person.silent": (
        "This person has not learned to speak from sound.",
        "Esta persona no ha aprendido a hablar a partir del sonido.",
    ),
    "settings": ("Settings", "Ajustes"),
    "articulation": ("Articulation", "Articulación"),
    "articulation.info": ("How far the mouth moves; 1 as learned.", "Cuánto se mueve la boca; 1 como la aprendió."),
    "fps": ("Frames per second", "Imágenes por segundo"),
    "fps.own": ("the person's own", "las de la persona"),
    "fps.driver": ("the video's own", "las del vídeo"),
    # Results.
    "result": ("Result", "Resultado"),
    "result.empty": ("The result will be here.", "Aquí saldrá el resultado."),
    "synthetic": ("Synthetic", "Sintético"),
    "synthetic.note": (
        "Signed as made by a program. Keep it labelled where you show it.",
        "Firmado como hecho por un programa. Déjalo etiquetado donde lo muestres.",
    ),
    "download.mp4": ("Video (mp4)", "Vídeo (mp4)"),
    "download.vtt": ("Subtitles (vtt)", "Subtítulos (vtt)"),
    "download.json": ("Timeline (json)", "Línea de tiempo (json)"),
    "download.tsv": ("Timeline (tsv)", "Línea de tiempo (tsv)"),
    "download": ("Download", "Descargar"),
    "subtitles": ("Subtitles", "Subtítulos"),
    "job.queued": ("Waiting: {ahead} ahead", "En espera: {ahead} antes"),
    "job.running": ("At work", "Trabajando"),
    "job.cancelled": ("Cancelled.", "Cancelado."),
    "job.gone": ("The result has expired; make it again.", "El resultado ha caducado; hazlo de nuevo."),
    "cancel": ("Cancel", "Cancelar"),
    "error": ("Error", "Error"),
    # Speak.
    "speak": ("Speak", "Hablar"),
    "speak.about": ("A sound moves the face.", "Un sonido mueve la cara."),
    "speak.sound": ("Sound: upload or record", "Sonido: sube o graba"),
    "speak.example": ("Example sound", "Sonido de ejemplo"),
    "speak.go": ("Speak", "Hablar"),
    "speak.none": (
        "There is no sound yet: upload one, record one, or take the example.",
        "Aún no hay sonido: sube uno, grábalo o toma el de ejemplo.",
    ),
    # Say.
    "say": ("Say", "Decir"),
    "say.about": (
        "A text becomes a voice, the voice's syllables move the mouth.",
        "Un texto se hace voz y sus sílabas mueven la boca.",
    ),
    "say.text": ("Text", "Texto"),
    "say.example": (
        "Good morning. My name is Pepper, and this is what I look like.",
        "Buenos días. Me llamo Paco, y esta es mi cara.",
    ),
    "say.language": ("Language of the text", "Idioma del texto"),
    "say.voice": ("Voice", "Voz"),
    "say.rate": ("Rate of speech", "Velocidad"),
    "say.rate.info": ("1 is the voice's own.", "1 es la de la voz."),
    "say.go": ("Say", "Decir"),
    "say.none": ("There is no text yet.", "Aún no hay texto."),
    "say.strip": ("Syllables as they are said", "Sílabas según se dicen"),
    "say.viseme": ("Viseme", "Visema"),
    # Own person.
    "own": ("Own person", "Persona propia"),
    "own.about": (
        "From some minutes of footage of one person who looks into the camera and speaks.",
        "De unos minutos de grabación de una persona que mira a la cámara y habla.",
    ),
    "own.name": ("Name of the person", "Nombre de la persona"),
    "own.licence": ("Licence of the footage", "Licencia de las grabaciones"),
    "own.licence.value": ("all rights reserved", "todos los derechos reservados"),
    "own.consent": ("Consent", "Consentimiento"),
    "own.consent.info": (
        "On what ground the face may be used; it is kept on the person's card.",
        "Con qué derecho se usa la cara; queda en la ficha de la persona.",
    ),
    "own.consent.example": ("It is me.", "Soy yo."),
    "own.declare": (
        "I declare that the person in the footage has agreed to be made to speak by this program.",
        "Declaro que la persona grabada ha consentido que este programa la haga hablar.",
    ),
    "own.undeclared": (
        "Without the person's consent nothing is made: tick the declaration.",
        "Sin el consentimiento de la persona no se hace nada: marca la declaración.",
    ),
    "own.unnamed": ("The person needs a name.", "La persona necesita un nombre."),
    "own.ungrounded": ("Say on what ground the face may be used.", "Di con qué derecho se usa la cara."),
    "own.footage": ("Footage", "Grabaciones"),
    "own.nofootage": (
        "There is no footage yet: upload at least one video.",
        "Aún no hay grabaciones: sube al menos un vídeo.",
    ),
    "own.start": ("Prepare the footage", "Preparar las grabaciones"),
    "own.project": ("Person in the making", "Persona en preparación"),
    "own.none": (
        "None yet: fill in the form and press the button.",
        "Aún ninguna: rellena el formulario y pulsa el botón.",
    ),
    "own.train": ("Train, or go on", "Entrenar, o seguir"),
    "own.pause": ("Pause", "Pausar"),
    "own.state.running": ("at work", "trabajando"),
    "own.state.paused": (
        "paused; it goes on where the last evaluation was",
        "en pausa; sigue donde la última evaluación",
    ),
    "own.state.failed": ("ended with an error", "terminó con un error"),
    "own.state.done": ("done: choose it under Speak", "hecha: elígela en Hablar"),
    "own.state.ready": ("prepared; train it now", "preparada; entrénala ahora"),
    "own.stage.prepare": ("Prepare the footage", "Preparar las grabaciones"),
    "own.stage.keypoints": ("Learn the mouth from the sound", "Aprender la boca a partir del sonido"),
    "own.stage.renderer": ("Learn to paint the face", "Aprender a pintar la cara"),
    "own.stage.assemble": ("Make the person", "Hacer la persona"),
    "own.stages": ("Steps", "Pasos"),
    "own.left": ("Remaining: {time}", "Quedan: {time}"),
    "own.clips": ("Clips prepared: {clips}", "Clips preparados: {clips}"),
    "own.rejects": ("Not used", "No usado"),
    "own.reject.source": ("Video", "Vídeo"),
    "own.reject.frames": ("Frames", "Imágenes"),
    "own.reject.reason": ("Reason", "Motivo"),
    "own.curves": ("Curves of the training", "Curvas del entrenamiento"),
    "own.log": ("What the program says", "Lo que dice el programa"),
    "own.time": (
        "The default person, of 20 minutes of footage, took two hours on two processor cores. Close this page at any "
        "time: the work goes on.",
        "La persona de serie, con 20 minutos de grabación, tardó dos horas en dos núcleos. Puedes cerrar esta página "
        "cuando quieras: el trabajo sigue.",
    ),
    # Reenact.
    "reenact": ("Reenact", "Imitar"),
    "reenact.about": (
        "The face in another video, or in front of the camera, moves the person. The driver's own picture is never "
        "shown or stored in the result.",
        "La cara de otro vídeo, o ante la cámara, mueve a la persona. La imagen de quien la mueve no se muestra ni se "
        "guarda en el resultado.",
    ),
    "reenact.driver": ("Driver: a video of a face", "Vídeo de una cara que la mueve"),
    "reenact.part": ("What follows", "Qué imita"),
    "reenact.part.head": ("head and face", "cabeza y cara"),
    "reenact.part.mouth": ("the mouth alone", "solo la boca"),
    "reenact.go": ("Reenact", "Imitar"),
    "reenact.none": (
        "There is no video yet: upload one, or use the camera.",
        "Aún no hay vídeo: sube uno o usa la cámara.",
    ),
    "live": ("Live, by the camera", "En vivo, con la cámara"),
    "live.about": (
        "Look ahead for two seconds at rest, then move as you like. Frames go to this server alone and are not kept.",
        "Mira al frente dos segundos en reposo y muévete luego como quieras. Las imágenes van solo a este servidor y "
        "no se guardan.",
    ),
    "live.start": ("Start the camera", "Encender la cámara"),
    "live.stop": ("Stop", "Parar"),
    "live.view": ("The person, moved live", "La persona, movida en vivo"),
    "live.latency": ("latency {ms} ms, {fps} frames per second", "latencia {ms} ms, {fps} imágenes por segundo"),
    "live.waiting": ("starting", "empezando"),
    "live.noface": ("no face seen yet", "aún no se ve una cara"),
    "live.nocamera": (
        "The camera cannot be used: allow it in the browser.",
        "No se puede usar la cámara: permítelo en el navegador.",
    ),
    "live.secure": (
        "The browser gives its camera only to https and to this very machine.",
        "El navegador solo da la cámara con https o en esta misma máquina.",
    ),
    "live.stopped": ("stopped", "parado"),
    "live.busy": (
        "All places for live sessions are taken; try again later.",
        "Todas las plazas en vivo están ocupadas; inténtalo luego.",
    ),
    # Face swap.
    "swap": ("Face swap", "Cambio de cara"),
    "swap.about": (
        "One person's face in place of the other's, by a model that was trained on both.",
        "La cara de una persona en lugar de la de otra, con un modelo entrenado con ambas.",
    ),
    "swap.declare": (
        "I declare that both persons, the one who is replaced and the one who is shown, have agreed.",
        "Declaro que ambas personas, la sustituida y la mostrada, han consentido.",
    ),
    "swap.undeclared": (
        "Both persons must have agreed: tick the declaration.",
        "Ambas personas deben haber consentido: marca la declaración.",
    ),
    "swap.model": ("Model", "Modelo"),
    "swap.nomodel": (
        "No model is registered. Train one with the commands below.",
        "No hay ningún modelo registrado. Entrena uno con las órdenes de abajo.",
    ),
    "swap.direction": ("Direction", "Sentido"),
    "swap.paints": ("{painted} in place of {replaced}", "{painted} en lugar de {replaced}"),
    "swap.video": ("Video to change", "Vídeo que cambiar"),
    "swap.none": ("There is no video yet: upload one.", "Aún no hay vídeo: sube uno."),
    "swap.preview": ("Preview one frame", "Vista previa de una imagen"),
    "swap.preview.alt": (
        "One frame: the original, the mask, the result",
        "Una imagen: el original, la máscara, el resultado",
    ),
    "swap.go": ("Convert", "Convertir"),
    "swap.extract.about": (
        "See which faces a training would get: sharp, from many sides, of one person.",
        "Mira qué caras recibiría un entrenamiento: nítidas, de muchos lados, de una persona.",
    ),
    "swap.extract.go": ("Find faces", "Buscar caras"),
    "swap.extract.count": ("{saved} faces of the person, {seen} seen", "{saved} caras de la persona, {seen} vistas"),
    "swap.extract.alt": ("Contact sheet of {count} faces", "Hoja de contacto con {count} caras"),
    "swap.train": ("Train a model", "Entrenar un modelo"),
    "swap.train.about": (
        "Training takes hours. These commands do it on this machine, and go on where they were stopped:",
        "Entrenar lleva horas. Estas órdenes lo hacen en esta máquina, y siguen donde se pararon:",
    ),
    # Compare and evaluate.
    "evaluate": ("Compare", "Comparar"),
    "evaluate.about": (
        "A generated video against a recording of the same sentence: mouth, picture, and both in time.",
        "Un vídeo generado frente a una grabación de la misma frase: boca, imagen y sincronía.",
    ),
    "evaluate.generated": ("Generated video", "Vídeo generado"),
    "evaluate.reference": ("Recording", "Grabación"),
    "evaluate.go": ("Compare and evaluate", "Comparar y evaluar"),
    "evaluate.none": (
        "Two videos are needed: the generated one and the recording.",
        "Hacen falta dos vídeos: el generado y la grabación.",
    ),
    "evaluate.report": ("Report", "Informe"),
    "evaluate.open": ("Open the report by itself", "Abrir el informe aparte"),
    # Verify.
    "verify": ("Verify", "Verificar"),
    "verify.about": (
        "Who made a video, and was it changed since? The signed manifest (C2PA) tells.",
        "¿Quién hizo un vídeo, y se cambió después? Lo dice el manifiesto firmado (C2PA).",
    ),
    "verify.file": ("Video (mp4)", "Vídeo (mp4)"),
    "verify.none": ("There is no file yet: drop one.", "Aún no hay archivo: suelta uno."),
    "verify.intact": ("Unchanged since it was signed", "Sin cambios desde que se firmó"),
    "verify.changed": ("Changed since it was signed", "Cambiado después de firmarse"),
    "verify.unsigned": (
        "No signed manifest: nothing is known of its making",
        "Sin manifiesto firmado: no se sabe cómo se hizo",
    ),
    "verify.local": (
        "signed by a local key, not by a known authority",
        "firmado con una clave local, no por una autoridad conocida",
    ),
    "verify.trusted": ("signed by a known authority", "firmado por una autoridad conocida"),
    "verify.kind": ("Kind", "Clase"),
    "verify.whole": ("synthetic: the whole picture was generated", "sintético: toda la imagen fue generada"),
    "verify.parts": ("synthetic: a recording with generated parts", "sintético: una grabación con partes generadas"),
    "verify.title": ("Title", "Título"),
    "verify.generator": ("Made by", "Hecho con"),
    "verify.signer": ("Signed by", "Firmado por"),
    "verify.statement": ("Statement", "Declaración"),
    "verify.comment": ("Comment", "Comentario"),
    "verify.problem": ("Problem", "Problema"),
    # What is missing, and the login.
    "extra": (
        "This needs more packages on the server: pip install 'obamanet[{extra}]'",
        "Esto necesita más paquetes en el servidor: pip install 'obamanet[{extra}]'",
    ),
    "login.title": ("Token", "Token"),
    "login.about": ("This server asks for its token.", "Este servidor pide su token."),
    "login.go": ("Enter", "Entrar"),
    "login.wrong": ("That is not the token.", "Ese no es el token."),
}
"""Every text of the page by name: English, Spanish. Some hold simple markup of their own; values put into them are
escaped by who shows them."""
