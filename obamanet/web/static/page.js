// What the page does in the browser: the strip of syllables below a video, and the live camera.
(() => {
  "use strict";

  // The strip: <div class="page-strip" data-timeline="URL"> beside its video, both in one .page-result.
  async function fillStrip(strip) {
    strip.dataset.filled = "1";
    let timeline;
    try {
      const answer = await fetch(strip.dataset.timeline);
      timeline = answer.ok ? await answer.json() : null;
    } catch {
      timeline = null;
    }
    if (!timeline) { strip.remove(); return; }  // Expired, or the page is being left.
    const poses = JSON.parse(strip.dataset.poses || "{}");
    const words = strip.querySelector(".words");
    const syllables = [], phonemes = [];
    for (const sentence of timeline.sentences)
      for (const word of sentence.words) {
        const group = document.createElement("i");
        for (const syllable of word.syllables) {
          const span = document.createElement("span");
          span.textContent = syllable.text;
          group.append(span);
          syllables.push({ start: syllable.start, end: syllable.end, span });
          phonemes.push(...syllable.phonemes);
        }
        words.append(group);
      }
    const video = strip.closest(".page-result").querySelector("video");
    const mouth = strip.querySelector("svg"), viseme = strip.querySelector(".viseme"), pose = strip.querySelector(".pose");
    const at = (list, time) => list.find((each) => each.start <= time && time < each.end);
    let shown = null;
    const show = () => {
      const time = video.currentTime, syllable = at(syllables, time), phoneme = at(phonemes, time);
      if (shown !== syllable) {
        if (shown) shown.span.removeAttribute("aria-current");
        if (syllable) {
          syllable.span.setAttribute("aria-current", "true");
          // Scrolls the strip alone, not the page.
          const line = syllable.span.offsetTop - words.offsetTop;
          if (line < words.scrollTop || line > words.scrollTop + words.clientHeight - 30) words.scrollTop = line - 30;
        }
        shown = syllable;
      }
      viseme.textContent = phoneme ? phoneme.viseme : "X";
      const name = (phoneme && phoneme.mouth_pose) || (timeline.mouth_poses || [""])[0];
      pose.textContent = name;
      if (poses[name]) draw(mouth, poses[name]);
      if (strip.isConnected && !video.paused && !video.ended) requestAnimationFrame(show);
    };
    for (const event of ["play", "seeked", "timeupdate"]) video.addEventListener(event, show);
    show();
  }

  // Lips: 12 outer and 8 inner points, as of the 68-point scheme.
  function draw(svg, points) {
    const path = (some) => "M" + some.map((point) => point.join(" ")).join("L") + "Z";
    svg.querySelector(".outer").setAttribute("d", path(points.slice(0, 12)));
    svg.querySelector(".inner").setAttribute("d", path(points.slice(12)));
  }

  // Live: one frame is on its way at a time, so nothing piles up and the newest picture is always taken.
  const SIDE = 480, SHOWN = 30;
  let session = null;

  async function startLive(box) {
    stopLive();
    const says = box.dataset, state = box.querySelector(".state");
    if (!navigator.mediaDevices) { state.textContent = says.secure; return; }
    const mine = (session = { id: crypto.randomUUID(), stream: null });
    const view = box.querySelector("canvas"), camera = box.querySelector("video");
    try {
      mine.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      if (session === mine) {
        camera.srcObject = mine.stream;
        camera.hidden = view.hidden = false;
        await camera.play();
      }
    } catch {
      if (session === mine) { stopLive(true); state.textContent = says.nocamera; }
    }
    // Stopped, or begun anew, while the browser asked: else the camera would stay on.
    if (session !== mine) { end(mine); return; }
    const grab = document.createElement("canvas");
    const shrink = Math.min(1, SIDE / Math.max(camera.videoWidth, camera.videoHeight));
    grab.width = Math.round(camera.videoWidth * shrink);
    grab.height = Math.round(camera.videoHeight * shrink);
    const waits = [], began = performance.now();
    state.textContent = says.waiting;
    while (session === mine && box.isConnected && !document.hidden) {
      const sent = performance.now();
      grab.getContext("2d").drawImage(camera, 0, 0, grab.width, grab.height);
      const picture = await new Promise((done) => grab.toBlob(done, "image/jpeg", 0.85));
      const person = document.querySelector("#live-person-card [data-person]")?.dataset.person || "";
      const time = ((sent - began) / 1000).toFixed(4);
      const query = new URLSearchParams({ time, person });
      let answer, painted;
      try {
        answer = await fetch(`${says.url}/${mine.id}?${query}`, {
          method: "POST", body: picture, headers: { "Content-Type": "image/jpeg" },
        });
        if (answer.ok) painted = await createImageBitmap(await answer.blob());
      } catch {
        break;
      }
      if (session !== mine) return;
      if (!answer.ok) {
        state.textContent = answer.status === 429 ? says.busy : (await answer.text()).slice(0, 300);
        stopLive(true);
        return;
      }
      view.width = painted.width;
      view.height = painted.height;
      view.getContext("2d").drawImage(painted, 0, 0);
      waits.push([performance.now(), performance.now() - sent]);
      if (waits.length > SHOWN) waits.shift();
      const sorted = waits.map((wait) => wait[1]).sort((a, b) => a - b);
      const ms = Math.round(sorted[sorted.length >> 1]);
      const span = waits[waits.length - 1][0] - waits[0][0];
      const fps = span > 0 ? (1000 * (waits.length - 1)) / span : 0;
      state.dataset.ms = ms;
      state.textContent = answer.headers.get("X-Face") === "no" ? says.noface
        : says.latency.replace("{ms}", ms).replace("{fps}", fps.toFixed(1));
    }
    if (session === mine) stopLive();
  }

  function end(live) { live.stream?.getTracks().forEach((track) => track.stop()); }

  function stopLive(silent) {
    if (!session) return;
    end(session);
    session = null;
    for (const box of document.querySelectorAll(".page-live")) {
      box.querySelector("video").hidden = true;
      if (!silent) box.querySelector(".state").textContent = box.dataset.stopped;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-live]");
    if (button?.dataset.live === "start") startLive(button.closest(".page-live"));
    if (button?.dataset.live === "stop") stopLive();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stopLive(); });

  new MutationObserver(() => {
    // On a phone the card would push the result far down.
    for (const card of document.querySelectorAll(".page-card:not([data-seen])")) {
      card.dataset.seen = "1";
      if (innerWidth < 700) card.open = false;
    }
    // On a phone the result is below what was pressed.
    for (const work of document.querySelectorAll(".page-work")) {
      const place = work.closest("[id$=-result]");
      if (place && !place.dataset.working) work.scrollIntoView({ block: "nearest" });
      if (place) place.dataset.working = "1";
    }
    for (const place of document.querySelectorAll("[data-working]"))
      if (!place.querySelector(".page-work")) delete place.dataset.working;
    for (const strip of document.querySelectorAll(".page-strip[data-timeline]:not([data-filled])")) fillStrip(strip);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
