// When what seldom changes is told.

/** The inventory is journalled there: it goes with the first reports, those after a change, and
 * now and then in case all of them were lost. */
const reportsAfterNews = 3;
const reportsBetween = 20;

export class News {
  #reports = 0;
  #told = '';

  isDue(value: unknown): boolean {
    const text = JSON.stringify(value);
    if (text !== this.#told) this.#reports = 0;
    this.#told = text;
    const isDue =
      this.#reports < reportsAfterNews || this.#reports % reportsBetween === reportsBetween - 1;
    this.#reports += 1;
    return isDue;
  }
}
