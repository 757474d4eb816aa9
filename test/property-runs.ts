// How often a random test draws: seldom with all other tests, often when `npm run fuzz` asks for it.

export function propertyRuns(usual: number): number {
  return Number(process.env['PUNNET_PROPERTY_RUNS'] ?? usual);
}
