/** Tables of pages, and what stands above them. */

export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

export interface Place {
  readonly backend?: string;
  readonly instructionSet?: string;
  readonly threads: number;
  readonly cpu: string;
  readonly load: readonly number[];
}

export function placeText({ backend, instructionSet, threads, cpu, load }: Place): string {
  const kernels = backend === undefined ? [] : [`${backend} ${instructionSet}`];
  const loads = load.map((x) => x.toFixed(1)).join(" to ");
  return [...kernels, `${threads} thread${threads === 1 ? "" : "s"}`, cpu, `load ${loads}`].join(", ");
}
