// Words that a notice can begin with. Its owner changes them to what is true of the site.

import type { Text } from "./api";

export const starter: Record<string, Text> = {
  nl: {
    title: "Mogen wij meer meten?",
    body: "Wij tellen bezoek zonder u te volgen; daarvoor vragen wij niets. Met uw toestemming bewaren wij ook wat u op deze site doet, onder een willekeurig nummer, om de site beter te maken. U kunt dit altijd met één klik intrekken.",
    accept: "Toestaan", reject: "Weigeren", save: "Keuze opslaan", privacy: "Privacykeuzes",
    purposes: {
      events: "Welke pagina’s u bekijkt en waar u op klikt", journeys: "In welke volgorde u pagina’s bekijkt, ook bij een later bezoek",
      heatmap: "Waar op een pagina geklikt en gescrold wordt, opgeteld", account_link: "Uw account koppelen aan deze gegevens",
    },
  },
  en: {
    title: "May we measure more?",
    body: "We count visits without following you; we ask nothing for that. With your consent we also keep what you do on this site, under a random number, to make the site better. You can withdraw it with one click at any time.",
    accept: "Allow", reject: "Refuse", save: "Save choice", privacy: "Privacy choices",
    purposes: {
      events: "Which pages you view and what you click", journeys: "In which order you view pages, also on a later visit",
      heatmap: "Where on a page people click and scroll, added up", account_link: "Link your account to these data",
    },
  },
  de: {
    title: "Dürfen wir mehr messen?",
    body: "Wir zählen Besuche, ohne Ihnen zu folgen; dafür fragen wir nichts. Mit Ihrer Einwilligung speichern wir auch, was Sie auf dieser Website tun, unter einer zufälligen Nummer, um die Website zu verbessern. Sie können sie jederzeit mit einem Klick widerrufen.",
    accept: "Zustimmen", reject: "Ablehnen", save: "Auswahl speichern", privacy: "Datenschutz-Einstellungen",
    purposes: {
      events: "Welche Seiten Sie ansehen und was Sie anklicken", journeys: "In welcher Reihenfolge Sie Seiten ansehen, auch bei einem späteren Besuch",
      heatmap: "Wo auf einer Seite geklickt und gescrollt wird, zusammengezählt", account_link: "Ihr Konto mit diesen Daten verknüpfen",
    },
  },
  fr: {
    title: "Pouvons-nous mesurer davantage ?",
    body: "Nous comptons les visites sans vous suivre ; pour cela nous ne demandons rien. Avec votre consentement, nous conservons aussi ce que vous faites sur ce site, sous un numéro aléatoire, afin d’améliorer le site. Vous pouvez le retirer à tout moment, d’un seul clic.",
    accept: "Accepter", reject: "Refuser", save: "Enregistrer le choix", privacy: "Choix de confidentialité",
    purposes: {
      events: "Les pages que vous consultez et ce sur quoi vous cliquez", journeys: "L’ordre dans lequel vous consultez les pages, aussi lors d’une visite ultérieure",
      heatmap: "Les endroits d’une page où l’on clique et défile, additionnés", account_link: "Lier votre compte à ces données",
    },
  },
};
