const N=160;
class V{constructor(x,y,z){this.x=x;this.y=y;this.z=z;}}
const add=(a,b)=>new V(a.x+b.x,a.y+b.y,a.z+b.z),sub=(a,b)=>new V(a.x-b.x,a.y-b.y,a.z-b.z),mul=(a,k)=>new V(a.x*k,a.y*k,a.z*k),dot=(a,b)=>a.x*b.x+a.y*b.y+a.z*b.z,norm=a=>mul(a,1/Math.sqrt(dot(a,a)));
function hit(s,o,d){const oc=sub(o,s.c),b=dot(oc,d),k=dot(oc,oc)-s.r*s.r,disc=b*b-k;if(disc<=0)return -1;const root=Math.sqrt(disc);let t=-b-root;if(t>0.0001)return t;t=-b+root;if(t>0.0001)return t;return -1;}
function trace(world,o,d,depth){let best=1e6,found=-1;for(let i=0;i<world.length;i++){const t=hit(world[i],o,d);if(t>0&&t<best){best=t;found=i;}}
if(found<0)return 0.2+0.3*(d.y+1);const s=world[found],p=add(o,mul(d,best)),n=norm(sub(p,s.c)),l=norm(new V(1,1,-1));let lit=dot(n,l);if(lit<0)lit=0;let color=s.shade*lit;
if(s.mirror>0&&depth<3){const r=sub(d,mul(n,2*dot(d,n)));color=color*(1-s.mirror)+s.mirror*trace(world,p,norm(r),depth+1);}return color;}
const world=[];for(let i=0;i<12;i++)world.push({c:new V((i%4)*1.5-2,Math.trunc(i/4)*1.2-1,4+i%3),r:0.7,shade:0.5+0.04*i,mirror:(i%3)*0.3});
let sum=0;for(let y=0;y<N;y++)for(let x=0;x<N;x++){const d=norm(new V((x-N/2)*2/N,(y-N/2)*2/N,1));sum+=trace(world,new V(0,0,-1),d,0);}
console.log(Math.trunc(sum*1000));
