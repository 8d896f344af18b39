const N=40000;class Lift{constructor(f){this.floor=f;this.dir=1;this.riders=[];this.moved=0;}
step(w,now){let done=0;const stay=[];for(const p of this.riders){if(p.to===this.floor)done+=now-p.born;else stay.push(p);}this.riders=stay;const here=w[this.floor];let taken=0;while(taken<here.length&&this.riders.length<8){this.riders.push(here[taken]);taken++;}if(this.floor+this.dir<0||this.floor+this.dir>=20)this.dir=-this.dir;const at=this.floor;this.floor+=this.dir;this.moved++;return [done,at,taken];}}
const w=[];for(let i=0;i<20;i++)w.push([]);const ls=[];for(let k=0;k<4;k++)ls.push(new Lift(k*5));let seed=99,total=0,served=0;
for(let now=0;now<N;now++){seed=(seed*75+74)%65537;const from=seed%20;seed=(seed*75+74)%65537;const to=seed%20;if(from!==to)w[from].push({from,to,born:now});for(let k=0;k<4;k++){const [done,at,taken]=ls[k].step(w,now);if(taken>0){w[at]=w[at].slice(taken);served+=taken;}total+=done;}}
let m=0;for(const l of ls)m+=l.moved;console.log(total,served,m);
