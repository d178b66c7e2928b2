"use strict";(()=>{var t="turf-theme";try{let e=localStorage.getItem(t);(e==="light"||e==="dark")&&(document.documentElement.dataset.theme=e)}catch{}})();
