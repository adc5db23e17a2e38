"""Everything that the audit can find: one table, in the words of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True)
class Kind:
    """What a finding means, how grave it is, and what a person should do about it, in English and French."""

    severity: str
    sentence: dict[str, str]
    act: dict[str, str]


def _kind(severity: str, en: str, fr: str, act: str, acte: str) -> Kind:
    return Kind(severity, {"en": en, "fr": fr}, {"en": act, "fr": acte})


KINDS: dict[str, Kind] = {
    "snapshot_differs": _kind(
        HIGH,
        "The stored case is not what its events make.",
        "Le dossier enregistré n'est pas ce que font ses événements.",
        "Compare case and events, find who wrote the case, and have it written anew from its events.",
        "Comparer le dossier et ses événements, trouver qui l'a écrit et le faire réécrire d'après eux.",
    ),
    "chain_broken": _kind(
        HIGH,
        "An event was changed, left out, put in, moved or cut off.",
        "Un événement a été modifié, omis, ajouté, déplacé ou coupé.",
        "Stop payments on this case; restore its events from the backup and compare with the anchored heads.",
        "Arrêter les paiements du dossier ; restaurer ses événements et comparer avec les têtes ancrées.",
    ),
    "decision_differs": _kind(
        HIGH,
        "A stored decision is not what the policy says of the facts and terms stored with it.",
        "Une décision enregistrée n'est pas ce que la règle dit des faits et conditions gardés avec elle.",
        "Have the decision looked at by a person who has not acted on this case.",
        "Faire revoir la décision par une personne qui n'a pas agi sur ce dossier.",
    ),
    "transition_missed": _kind(
        MEDIUM,
        "Something fell due and the sweep has neither proposed it nor told the person.",
        "Une échéance est passée sans que rien n'ait été proposé ni annoncé.",
        "Run the refund audit; look why it passed this case over.",
        "Lancer l'audit des remboursements ; chercher pourquoi il a passé ce dossier.",
    ),
    "claim_undecided": _kind(
        MEDIUM,
        "A claim, a proposal or an appeal has waited for a person for too long.",
        "Une demande, une proposition ou un recours attend quelqu'un depuis trop longtemps.",
        "Decide it, or say what is missing; name a deputy if nobody may act.",
        "Trancher ou dire ce qui manque ; nommer un suppléant si personne ne peut agir.",
    ),
    "refund_unpaid": _kind(
        MEDIUM,
        "An approved refund has not reached its payer in time.",
        "Un remboursement accordé n'est pas arrivé à temps.",
        "Order the payment, or ask the payment partner what became of it.",
        "Ordonner le paiement, ou demander au partenaire ce qu'il en est.",
    ),
    "paid_without_approval": _kind(
        HIGH,
        "Money went out that nobody signed for.",
        "De l'argent est sorti sans que personne ait signé.",
        "Stop payments on this case; look who ordered it.",
        "Arrêter les paiements du dossier ; chercher qui l'a ordonné.",
    ),
    "paid_twice": _kind(
        HIGH,
        "The same money went back to one payer more than once.",
        "Le même argent est revenu plus d'une fois au même payeur.",
        "Compare with the payment partner's list; open a recovery.",
        "Comparer avec la liste du partenaire ; ouvrir une demande de restitution.",
    ),
    "amount_differs": _kind(
        HIGH,
        "What was paid is not what was approved.",
        "Le montant payé n'est pas celui qui a été accordé.",
        "Compare with the payment partner's list and correct the ledger.",
        "Comparer avec la liste du partenaire et corriger le compte.",
    ),
    "ledger_unbalanced": _kind(
        HIGH,
        "More went back to a payer than it has paid, or our ledger and the partner's list differ.",
        "Plus est revenu à un payeur qu'il n'a payé, ou notre compte et la liste du partenaire diffèrent.",
        "Compare the ledger with the payment partner's list, line by line.",
        "Comparer le compte et la liste du partenaire, ligne à ligne.",
    ),
    "same_person": _kind(
        HIGH,
        "One person took two steps of this case that must not lie in one hand.",
        "Une personne a fait deux étapes de ce dossier qui ne doivent pas être dans une même main.",
        "Have another person decide again.",
        "Faire décider de nouveau par une autre personne.",
    ),
    "placement_after_refund": _kind(
        MEDIUM,
        "A job that counts was reported after the refund was paid.",
        "Un emploi qui compte a été signalé après le remboursement.",
        "Settle the recovery review. Nothing is ever debited.",
        "Trancher le réexamen. Rien n'est jamais prélevé.",
    ),
    "placement_disputed": _kind(
        LOW,
        "Sources disagree about a job, or somebody doubts it.",
        "Les sources ne s'accordent pas sur un emploi, ou quelqu'un en doute.",
        "Settle the report with the evidence in front of you.",
        "Trancher avec les pièces sous les yeux.",
    ),
    "duplicate_person": _kind(
        MEDIUM,
        "Another claiming case has the same account or the same e-mail address.",
        "Un autre dossier demandeur a le même compte ou la même adresse.",
        "Look at both; close one as a duplicate, or note why there are two.",
        "Regarder les deux ; clore l'un comme doublon, ou noter pourquoi il y en a deux.",
    ),
    "evidence_missing": _kind(
        HIGH,
        "A file that an event names is gone, or is not what was stored.",
        "Un fichier nommé par un événement a disparu, ou n'est plus celui qui fut déposé.",
        "Restore the file (it can be undeleted for a time), or ask the person for it again.",
        "Restaurer le fichier (possible un certain temps), ou le redemander à la personne.",
    ),
    "promise_unanswered": _kind(
        MEDIUM,
        "Something that was acknowledged never reached its end: a message, or what a partner told us.",
        "Une chose acceptée n'est jamais arrivée à son terme : un message, ou ce qu'un partenaire a dit.",
        "Look at the cause, mend it, and have it tried again.",
        "Chercher la cause, y remédier et faire réessayer.",
    ),
    "late_sweep": _kind(
        MEDIUM,
        "A timer has not run to its end for longer than its limit.",
        "Une minuterie n'est pas allée à son terme depuis plus longtemps que sa limite.",
        "Look at the timer's log; it may be switched off.",
        "Regarder le journal de la minuterie ; elle est peut-être arrêtée.",
    ),
}
"""Finding -> what it means. The audit finds nothing that is not here."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, and the codes, ids and amounts that show it. Names nobody."""

    name: str
    case_id: str | None
    subject: str | None = None
    evidence: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as it is kept and told."""
        kind = KINDS[self.name]
        return {
            "finding": self.name,
            "case_id": self.case_id,
            "subject": self.subject,
            "severity": kind.severity,
            "sentence": kind.sentence["en"],
            "evidence": list(self.evidence),
            "act": kind.act["en"],
        }

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same finding in another run."""
        return self.name, self.case_id or "", self.subject or ""
