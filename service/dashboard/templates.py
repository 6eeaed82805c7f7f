"""The package's templates, corrected while they are loaded.

rq-dashboard 0.9 puts a job's description, metadata and traceback into its pages unescaped
(Parallels/rq-dashboard#526), puts the queue's name out of the address into a script as it is, and
compiles its templates in the browser with `eval`, which a strict content security policy does not
allow. So every `<%= … %>` becomes the escaping `<%- … %>`, what goes into a script goes through
`tojson`, the templates are compiled here, and only scripts with the answer's nonce are run.
"""

import json
import re
from typing import Final

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from workers.processes.queue import QUEUE

_BY_JQUERY: Final = re.compile(r"<%=\s*\$\('<div/>'\)\.text\((.*?)\)\.html\(\)\s*%>")
_IN_BROWSER: Final = re.compile(
    r'<script name="[\w-]+" type="text/template">(.*?)</script>', re.DOTALL
)
_QUOTED: Final = re.compile(r"'\{\{\s*([\w.]+)\s*\}\}'")
_EXECUTABLE: Final = re.compile(r'<script (?=src=|type="text/javascript")')
_PARTS: Final = re.compile(r"<%(-?)(.*?)%>", re.DOTALL)
_TO_DELETION: Final = (
    "<% var about = /^advance_deletion (del_[A-Za-z0-9_-]{{1,100}})$/.exec(d.description || '');"
    ' if (about) {{ %><a href="/deletions/<%- about[1] %>">{}</a><% }} %>'
)
_FIELDS: Final = ("Queue name", "Registry name", "Job Sort Order", "Jobs per page")
_OTHERS: Final = (
    # Ours has the two functions that the pages call, without `eval`.
    ("'rq_dashboard.static', filename='js/underscore-umd-min.js'", "'static', filename='pages.js'"),
    ("'static', filename='favicon.ico'", "'rq_dashboard.static', filename='favicon.ico'"),
    # Without a name the package opens RQ's default queue, which does not exist.
    (
        "{{ current_instance }}/view/jobs",
        f"{{{{ current_instance }}}}/view/jobs/{QUEUE}/queued/8/asc/1",
    ),
    # Landmarks, headings and names, which screen readers go by.
    ('<div id="navbar-dashboard"', '<nav id="navbar-dashboard" aria-label="RQ"'),
    ("            </div>\n</div>\n", "            </div>\n</nav>\n"),
    (
        "{% block content %}{% endblock %}\n        </div>",
        "{% block content %}{% endblock %}</main>",
    ),
    (
        '<div class="section">\n\n    <div class="input-group"',
        '<div class="section"><h1>Jobs</h1><div class="input-group"',
    ),
    ("<h2><strong>Job ID</strong>: {{ id }}</h2>", "<h1>Job {{ id }}</h1>"),
    ('id="rq-instances">', 'id="rq-instances" aria-label="Redis">'),
    *((f'title="{each}"', f'title="{each}" aria-label="{each}"') for each in _FIELDS),
    ("<pre", '<pre tabindex="0"'),
    ('class="table-responsive', 'tabindex="0" class="table-responsive'),
    (
        """<div class="container">""",
        """<main class="container"><p class="unglue" role="note">This is the transport: the jobs
        that carry deletions to workers, for looking only. A deletion that failed is no failed job:
        <a href="/deletions?state=failed">failed deletions</a>, <a href="/">the console</a>.</p>""",
    ),
    # Of a job that is about a deletion the way leads on to it.
    (
        """<div class="description-scroll"><%- d.description %></div>""",
        """<div class="description-scroll"><%- d.description %></div>"""
        + _TO_DELETION.format("See the deletion"),
    ),
    (
        """<div class="job_id">""",
        _TO_DELETION.format("deletion") + """<div class="job_id">""",
    ),
    (
        "</head>",
        """<link href="{{ url_for('static', filename='pages.css') }}" rel="stylesheet"></head>""",
    ),
)


class CorrectedLoader(FileSystemLoader):
    """Loads the package's templates, corrected."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, object]:  # type: ignore[override] # jinja2 names the third a callable, which we pass on
        """The source of a template, its file, and whether that is still the newest."""
        source, path, newest = super().get_source(environment, template)
        return corrected(source), path, newest


def corrected(source: str) -> str:
    """A template of the package that escapes what it shows, and needs no `eval`."""
    source = _BY_JQUERY.sub(r"<%- \1 %>", source).replace("<%=", "<%-")
    source = _QUOTED.sub(r"{{ \1|tojson|safe }}", source)
    for before, after in _OTHERS:
        source = source.replace(before, after)
    source = _EXECUTABLE.sub('<script nonce="{{ nonce }}" ', source)
    # The text stays, for the package's scripts look it up; its function comes right behind it.
    return _IN_BROWSER.sub(
        r'\g<0><script nonce="{{ nonce }}">{% filter compiled %}\1{% endfilter %}</script>', source
    )


def compiled(template: str) -> Markup:
    """A template of the browser as a script that keeps its function for `_.template` (pages.js)."""
    body = []
    at = 0
    for part in _PARTS.finditer(template):
        body.append(_literal(template[at : part.start()]))
        escaped, found = part.groups()
        body.append(f"__out+=_.escape({found.strip()});" if escaped else found.strip())
        at = part.end()
    body.append(_literal(template[at:]))
    code = "\n".join(body)
    function = f'function(__values){{var __out="";with(__values){{{code}}}return __out;}}'
    return Markup(  # noqa: S704 - the package's own code; what a job holds is not known here
        "(window.compiled=window.compiled||new Map())"
        f".set(document.currentScript.previousElementSibling.innerHTML,{function});"
    )


def _literal(text: str) -> str:
    # A "</script" in a string would end the script.
    return f"__out+={json.dumps(str(text))};".replace("<", "\\u003c")
