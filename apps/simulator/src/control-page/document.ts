import { STYLE } from './style.js';

/** What a person sees at the control API's address; its script fills it in. */
export const CONTROL_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wagate simulator</title>
<style>${STYLE}</style>
</head>
<body>
<header>
  <h1>Simulator</h1>
  <p>Our own WhatsApp, for trying wagate out: nothing here reaches the real one.</p>
  <p id="status" role="status"></p>
</header>
<main>
  <section id="waiting-card" class="wide">
    <h2>Waiting for a scan</h2>
    <p class="hint">A session that shows a QR appears here. Choose whose phone scans it.</p>
    <ul id="waiting"></ul>
    <details>
      <summary>Paste a QR or a pairing code</summary>
      <form id="scan">
        <label>QR text or pairing code <input name="code" required autocomplete="off"></label>
        <label>Phone that scans <input name="phone" required inputmode="tel" placeholder="12025550100"></label>
        <button>Link</button>
      </form>
    </details>
  </section>
  <section>
    <h2>Send as a phone</h2>
    <form id="send">
      <label>From <select name="from" required></select></label>
      <label>To <select name="to" required></select></label>
      <label>Text <textarea name="body" rows="2" placeholder="Hello!"></textarea></label>
      <label>File <input type="file" name="file"></label>
      <button>Send</button>
    </form>
  </section>
  <section>
    <h2>Linked sessions</h2>
    <ul id="linked"></ul>
  </section>
  <section class="wide">
    <h2>Messages</h2>
    <ol id="messages"></ol>
  </section>
  <section>
    <h2>People</h2>
    <ul id="accounts"></ul>
    <form id="account">
      <label>Phone <input name="phone" required inputmode="tel" placeholder="12025550123"></label>
      <label>Name <input name="name" required></label>
      <button>Add</button>
    </form>
  </section>
  <section>
    <h2>Groups</h2>
    <ul id="groups"></ul>
    <form id="group">
      <label>Subject <input name="subject" required></label>
      <label>Members <select name="members" multiple required size="4"></select></label>
      <button>Make the group</button>
    </form>
  </section>
</main>
<div id="notice" role="alert" hidden></div>
<script src="/control-page.js"></script>
</body>
</html>`;
