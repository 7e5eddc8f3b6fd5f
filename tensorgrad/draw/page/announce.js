// Announce a text to screen readers.
function announce(text) {
  $("live").textContent = text;
}
