const N=60000; class Trie{constructor(){this.nodes=[{kids:new Map(),count:0}];}
insert(w){let at=0;for(const c of w){let next=this.nodes[at].kids.get(c);if(next===undefined){next=this.nodes.length;this.nodes.push({kids:new Map(),count:0});this.nodes[at].kids.set(c,next);}at=next;}this.nodes[at].count++;}
find(w){let at=0;for(const c of w){const n=this.nodes[at].kids.get(c);if(n===undefined)return 0;at=n;}return this.nodes[at].count;}}
function word(seed){const L="abcdefghij";let out="";const n=3+seed%4;for(let i=0;i<n;i++){out+=L[seed%10];seed=Math.trunc(Number((BigInt(seed)*1103515245n+12345n)%2147483648n)/7);}return out;}
const t=new Trie();for(let i=0;i<N;i++)t.insert(word(i*7919%10007));let total=0;for(let i=0;i<N;i++)total+=t.find(word(i*31%10007));console.log(t.nodes.length,total);
