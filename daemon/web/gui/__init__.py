"""The admin console at ``/gui``: server-rendered pages that a person likes to live in.

A page is whole HTML, made from a few bounded reads (``reads.py``, ``sql/console_*.sql``) and a
template. Filters and cursors stand in the URL, so each view is a link; an action is a POST form,
answered by a redirect and a sentence. Where the browser runs scripts, ``live.py`` tells open pages
what changed, and they fetch the sections concerned again; without scripts all works, by reloading.

``console.py`` puts it together, ``render.py`` makes pages and fragments, ``chart.py`` draws. Each
remaining module is a page or two of the same name.
"""
