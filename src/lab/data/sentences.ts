/**
 * Generates English-like text from a small grammar, on which a language model trains if no file is given. A paragraph
 * keeps its people, numbers agree, speech has its marks: there is something to learn at each distance.
 */
import { Random } from "../../core/random.ts";

// "text": a stream that no other part draws from
const STREAM = 0x74657874;

interface Noun {
  readonly one: string;
  readonly many: string;
}

const noun = (one: string, many = `${one}s`): Noun => ({ one, many });

const names = ["Anna", "Ben", "Clara", "David", "Emil", "Frida", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Leo"];
// spelled as in 0.1, here and below, so that the text of a seed and the runs on it stay the same
const places = ["village", "harbour", "forest", "market", "mill", "old bridge", "valley", "quiet square", "garden"];
const people = [
  noun("farmer"),
  noun("baker"),
  noun("sailor"),
  noun("teacher"),
  noun("child", "children"),
  noun("woman", "women"),
  noun("neighbour"),
  noun("judge"),
];
const things = [
  noun("apple"),
  noun("lamp"),
  noun("knife", "knives"),
  noun("letter"),
  noun("basket"),
  noun("box", "boxes"),
  noun("coat"),
  noun("key"),
  noun("loaf", "loaves"),
  noun("wheel"),
];
const adjectives = [
  "small",
  "heavy",
  "red",
  "broken",
  "golden",
  "quiet",
  "old",
  "strange",
  "wooden",
  "bright",
  "yellow",
];
/** Verbs: present of one, present of many, past. */
const actions = [
  ["carries", "carry", "carried"],
  ["finds", "find", "found"],
  ["hides", "hide", "hid"],
  ["paints", "paint", "painted"],
  ["sells", "sell", "sold"],
  ["watches", "watch", "watched"],
  ["brings", "bring", "brought"],
  ["loses", "lose", "lost"],
  ["mends", "mend", "mended"],
] as const;
const times = [
  "In the morning",
  "At noon",
  "Before the rain",
  "After supper",
  "Every winter",
  "Last year",
  "Quite often",
];
const reasons = ["the wind is cold", "nobody came", "the road is long", "there was no time", "the river froze"];
const numbers = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"];

/** Generates about `length` characters, in whole paragraphs; a function of the seed alone. */
export function makeSentences(length: number, seed: number): string {
  const random = new Random(seed, STREAM);
  const paragraphs: string[] = [];
  for (let written = 0; written < length; written += paragraphs[paragraphs.length - 1].length) {
    paragraphs.push(`${paragraph(random)}\n\n`);
  }
  return paragraphs.join("");
}

function paragraph(random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const chance = (share: number): boolean => random.uniform() < share;
  const first = pick(names);
  const second = pick(names.filter((name) => name !== first));
  const place = pick(places);
  const adjective = (): string => (chance(0.5) ? `${pick(adjectives)} ` : "");
  const article = (words: string): string => `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
  const thing = (): string => {
    const { one, many } = pick(things);
    if (chance(0.3)) return `${pick(numbers)} ${adjective()}${many}`;
    return chance(0.5) ? article(`${adjective()}${one}`) : `the ${adjective()}${one}`;
  };
  const subject = (): { readonly words: string; readonly plural: boolean } => {
    const plural = chance(0.4);
    if (plural) return { words: chance(0.3) ? `${first} and ${second}` : `the ${pick(people).many}`, plural };
    return { words: chance(0.6) ? pick([first, second]) : `the ${adjective()}${pick(people).one}`, plural };
  };
  const clause = (): string => {
    const { words, plural } = subject();
    const [one, many, past] = pick(actions);
    const verb = chance(0.4) ? past : plural ? many : one;
    return `${words} ${verb} ${thing()}${chance(0.4) ? ` ${pick(["near", "behind", "in"])} the ${place}` : ""}`;
  };
  const forms = [
    () => `${clause()}.`,
    () => `${pick(times)}, ${clause()}.`,
    () => `${clause()}, ${pick(["and", "but", "so"])} ${clause()}.`,
    () => `${clause()} because ${pick(reasons)}.`,
    () => `"Who has ${thing()}?" asked ${first}. "I do not know," said ${second}.`,
    () => `"${capital(clause())}!" said ${pick([first, second])}.`,
    () =>
      `There ${chance(0.5) ? `is ${article(`${pick(adjectives)} ${pick(things).one}`)}` : `are ${pick(numbers)} ${pick(things).many}`} in the ${place}; ${clause()}.`,
  ];
  return Array.from({ length: 3 + random.integer(5) }, () => capital(pick(forms)())).join(" ");
}

const capital = (sentence: string): string => sentence.replace(/[a-z]/i, (letter) => letter.toUpperCase());
