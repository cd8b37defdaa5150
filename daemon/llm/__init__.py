"""The model: every call bought once, within budget, and accounted to the last token.

The way of one question, ``ctx.llm.ask(...)``:

1. ``gateway``     renders it, climbs the ladder of repairs, and says honestly how it ended;
2. ``buyer``       gets one answer: asks the journal, sends, settles; retries, other models;
3. ``journal``     before the call: known already? breaker, rate, budget; after it: ledger line,
   budgets, rate, breaker. Two statements, ``sql/call_begin.sql`` and ``sql/call_end.sql``;
4. ``provider``    the wire, and the only importer of langchain-openai and openai;
5. ``classify``    what a reply means; ``pricing`` what it cost; ``models`` what a model takes;
   ``structured`` from schema to question and from text to a value; ``redact`` takes out how to
   reach people: all without I/O.

An unavailable model is met as the request wants it (``on_unavailable``): ``degrade`` answers None
with the reason, ``wait`` raises :class:`Snoozed`, ``fail`` raises ``ProviderUnavailable`` or
``BudgetExhausted``. Without a key nobody is asked, which is no failure.

Beside ``Snoozed``, an ``ask`` may raise ``daemon.errors.LeaseLost`` (the attempt is somebody
else's) and :class:`CancelRequested` (do not buy for a request nobody wants any more).
"""

from daemon.outcome import CancelRequested, Snoozed

__all__ = ["CancelRequested", "Snoozed"]
