(function () {
  "use strict";
  var all = function (selector, root) { return Array.prototype.slice.call((root || document).querySelectorAll(selector)); };
  function open() {
    var id = decodeURIComponent(location.hash.slice(1));
    var target = id && document.getElementById(id);
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", open);
  open();
  all("[data-fold]").forEach(function (button) {
    button.addEventListener("click", function () {
      all("details.query").forEach(function (part) { if (!part.hidden) { part.open = button.dataset.fold === "open"; } });
    });
  });
  var filter = document.getElementById("filter");
  if (filter) {
    filter.addEventListener("input", function () {
      var text = filter.value.toLowerCase();
      all("[data-search]").forEach(function (part) { part.hidden = part.dataset.search.toLowerCase().indexOf(text) < 0; });
    });
  }
  all("th.sort").forEach(function (head) {
    head.tabIndex = 0;
    function sort() {
      var body = head.closest("table").tBodies[0], column = head.cellIndex;
      var down = head.getAttribute("aria-sort") === "ascending";
      all("th", head.parentNode).forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var key = function (row) { return row.cells[column].dataset.v || row.cells[column].textContent.trim(); };
      var rows = all("tr", body).map(function (row, place) { return { row: row, key: key(row), place: place }; });
      rows.sort(function (a, b) {
        var x = parseFloat(a.key), y = parseFloat(b.key), order;
        if (head.dataset.kind === "number") { order = (isNaN(x) ? Infinity : x) - (isNaN(y) ? Infinity : y); if (isNaN(order)) { order = 0; } }
        else { order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0; }
        return (down ? -order : order) || a.place - b.place;
      });
      rows.forEach(function (item) { body.appendChild(item.row); });
    }
    head.addEventListener("click", sort);
    head.addEventListener("keydown", function (event) { if (event.key === "Enter") { sort(); } });
  });
}());
