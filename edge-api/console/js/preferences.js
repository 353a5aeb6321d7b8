// What somebody has chosen for this browser: language and colours. Nothing secret is kept here.

const LANGUAGE = "sluice.language";
const THEME = "sluice.theme";
export const LANGUAGES = ["en", "ko"];
export const THEMES = ["auto", "light", "dark"];

/** The chosen language, else the browser's if there are words in it, else English. */
export function preferredLanguage() {
  const chosen = read(LANGUAGE);
  if (LANGUAGES.includes(chosen)) return chosen;
  const own = navigator.languages.map((tag) => tag.split("-")[0]);
  return own.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

export function keepLanguage(language) {
  write(LANGUAGE, language);
}

export function theme() {
  const chosen = read(THEME);
  return THEMES.includes(chosen) ? chosen : "auto";
}

/** Shows the chosen colours; `auto` follows the system. */
export function applyTheme(chosen = theme()) {
  write(THEME, chosen);
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

// Storage may be switched off; then a choice lasts as long as the page.
export function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // See above.
  }
}
