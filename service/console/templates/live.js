"use strict";
// Brings the page up to date every few seconds, unless somebody types in it or opened a part of it.
(function () {
  function busy() {
    var main = document.querySelector("[data-live]");
    var typed = Array.prototype.some.call(main.querySelectorAll("input"), function (field) {
      return field.type !== "hidden" && (field.value !== field.defaultValue || field.checked);
    });
    return document.hidden || typed || main.contains(document.activeElement) ||
      main.querySelector("details[open]") || String(getSelection());
  }
  function look() {
    if (busy()) { return; }
    fetch(location.href, {headers: {"X-Live": "1"}, redirect: "error"}).then(function (answer) {
      if (!answer.ok) { return; }
      return answer.text().then(function (text) {
        var main = document.querySelector("[data-live]");
        var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
        if (fresh && !busy() && fresh.innerHTML !== main.innerHTML) { main.replaceWith(fresh); }
        if (fresh && !fresh.hasAttribute("data-live")) { clearInterval(timer); }
      });
    }).catch(function () {});
  }
  var timer = setInterval(look, 4000);
})();
