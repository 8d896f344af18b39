const N=20000;function records(n){const out=[],names=["bolt","nut","gear","cog","pin","rod","cap","ring"];let seed=11;for(let i=0;i<n;i++){seed=(seed*75+74)%65537;out.push({id:i,name:names[seed%8],store:"s"+(seed%13),amount:seed%50,price:(seed%700)/10});}return out;}
function group(rows,f){const out=new Map();for(const r of rows){const k=r[f];if(!out.has(k))out.set(k,[]);out.get(k).push(r);}return out;}
const rows=records(N),bn=group(rows,"name"),lines=[];for(const name of [...bn.keys()].sort()){const items=bn.get(name);const v=items.map(r=>r.amount*r.price).reduce((a,b)=>a+b,0);const big=items.filter(r=>r.amount>25);lines.push(`${name}: ${items.length} ${big.length} ${Math.trunc(v)}`);}
const bs=group(rows,"store");let best="",most=0;for(const [s,rs] of bs){let sum=0;for(const r of rs)sum+=r.amount;if(sum>most){most=sum;best=s;}}
const o=[...rows].sort((a,b)=>a.amount!==b.amount?b.amount-a.amount:a.id-b.id);console.log(lines.join("; "));console.log(best,most,o[0].id,o[N/2].id);
