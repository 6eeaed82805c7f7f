// What the pages call of underscore. Its own `template` needs `eval`, which the content security
// policy refuses; the functions come compiled with the page (service/dashboard/templates.py).
(function () {
  "use strict";
  var entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#x60;"};

  window._ = {
    escape: function (value) {
      if (value === null || value === undefined) { return ""; }
      return String(value).replace(/[&<>"'`]/g, function (found) { return entities[found]; });
    },
    template: function (text) {
      if (!window.compiled.has(text)) { throw new Error("a template that was not compiled"); }
      return window.compiled.get(text);
    },
  };
})();
