"""Why a job counts or does not, in words for people: one sentence for each reason that a verdict can give."""

from __future__ import annotations

from shared.policy.clauses import Sentence

REASONS: dict[str, Sentence] = {
    "counts": Sentence("The job passes every test.", "L'emploi remplit toutes les conditions."),
    "not_yet_judged": Sentence(
        "A job is judged once the diploma is awarded.", "Un emploi est examiné une fois le diplôme délivré."
    ),
    "disputed": Sentence(
        "The report is disputed: a person has to verify it.",
        "Le signalement est contesté : une personne doit le vérifier.",
    ),
    "retracted": Sentence("The report was retracted.", "Le signalement a été retiré."),
    "field_unknown": Sentence(
        "Nobody has settled yet whether the duties are in the field: send their description.",
        "Nul n'a encore établi si les tâches relèvent du domaine : envoyez leur description.",
    ),
    "out_of_field": Sentence("The job is outside the field.", "L'emploi est hors du domaine."),
    "internship": Sentence(
        "It is an internship or an apprenticeship.", "C'est un stage ou un contrat d'apprentissage."
    ),
    "volunteer": Sentence("It is volunteer work.", "C'est du bénévolat."),
    "contractor": Sentence("It is a contractor's job.", "C'est une prestation de services."),
    "self_employed": Sentence(
        "It is self-employment, and not attested as the graduate's choice.",
        "C'est une activité indépendante, non attestée comme le choix du diplômé.",
    ),
    "attestation_unknown": Sentence(
        "The graduate has not said whether self-employment was their choice.",
        "Le diplômé n'a pas dit si l'activité indépendante était son choix.",
    ),
    "programme_hire": Sentence(
        "The employer is the programme itself.", "L'employeur est l'organisme de formation lui-même."
    ),
    "hours_unknown": Sentence(
        "The hours a week are not known: ask the employer.",
        "Les heures par semaine ne sont pas connues : demandez à l'employeur.",
    ),
    "too_few_hours": Sentence("The job has too few hours a week.", "L'emploi a trop peu d'heures par semaine."),
    "term_unknown": Sentence(
        "The first or the last day of the term is not known: send the contract.",
        "Le premier ou le dernier jour du contrat n'est pas connu : envoyez le contrat.",
    ),
    "term_too_short": Sentence("The term is too short.", "La durée du contrat est trop courte."),
    "event_date_unknown": Sentence(
        "The day that counts, of the contract or of the offer, is not known.",
        "Le jour qui compte, celui du contrat ou de l'offre, n'est pas connu.",
    ),
    "prior_job": Sentence("The job was found before qualifying.", "L'emploi a été trouvé avant le diplôme."),
    "prior_job_ended": Sentence(
        "The job was found before qualifying, and had ended by then.",
        "L'emploi a été trouvé avant le diplôme et avait déjà pris fin.",
    ),
    "after_the_window": Sentence(
        "The job was found after the window's end.", "L'emploi a été trouvé après la fin de la période."
    ),
    "never_began": Sentence("The job was lost before it began.", "L'emploi a été perdu avant de commencer."),
    "starts_too_late": Sentence(
        "The job starts too long after the window's end.", "L'emploi commence trop tard après la fin de la période."
    ),
    "start_awaited": Sentence(
        "The job is found; its first day is not known yet.",
        "L'emploi est trouvé ; son premier jour n'est pas encore connu.",
    ),
    "start_unknown": Sentence(
        "The first day of work is still not known: say whether the job began.",
        "Le premier jour de travail n'est toujours pas connu : dites si l'emploi a commencé.",
    ),
    "lost_too_soon": Sentence(
        "The employer ended the job before it had lasted long enough.",
        "L'employeur a mis fin à l'emploi avant qu'il ait duré assez longtemps.",
    ),
    "end_reason_unknown": Sentence(
        "The job ended early, and nobody has said why.", "L'emploi a pris fin tôt, et nul n'a dit pourquoi."
    ),
    "not_yet_retained": Sentence(
        "The job counts once it has lasted long enough.", "L'emploi comptera lorsqu'il aura duré assez longtemps."
    ),
}
