
function step(g,w,h){const out=[];for(let y=0;y<h;y++){const row=[];for(let x=0;x<w;x++){let n=0;for(let dy=-1;dy<2;dy++)for(let dx=-1;dx<2;dx++)if(dx!=0||dy!=0)n+=g[(y+dy+h)%h][(x+dx+w)%w];if(n==3||(n==2&&g[y][x]==1))row.push(1);else row.push(0)}out.push(row)}return out}
function run(w,h,n){let g=[];let s=1;for(let y=0;y<h;y++){const row=[];for(let x=0;x<w;x++){s=(s*1309+13849)%65536;row.push(s%2)}g.push(row)}for(let i=0;i<n;i++)g=step(g,w,h);let t=0;for(let y=0;y<h;y++)for(let x=0;x<w;x++)t+=g[y][x];console.log(t)}
run(128,128,60)