/** wagate runs the system's browser (see CHROME_PATH); puppeteer must never download its own. */
module.exports = { skipDownload: true };
