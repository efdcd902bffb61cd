/** What a person sees at the control API's address. */
export const CONTROL_PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>wagate simulator</title></html>`;
