
class Circle{constructor(r){this.r=r} area(){return 3.14159*this.r*this.r} scale(k){this.r=this.r*k}}
class Rect{constructor(w,h){this.w=w;this.h=h} area(){return this.w*this.h} scale(k){this.w*=k;this.h*=k}}
class Tri{constructor(a,b,c){this.a=a;this.b=b;this.c=c} area(){const s=(this.a+this.b+this.c)/2;return Math.sqrt(s*(s-this.a)*(s-this.b)*(s-this.c))} scale(k){this.a*=k;this.b*=k;this.c*=k}}
function run(n){const sh=[];for(let i=0;i<300;i++){if(i%3==0)sh.push(new Circle(i*0.1+1));else if(i%3==1)sh.push(new Rect(i*0.2+1,2));else sh.push(new Tri(3,4,5))}
let total=0;for(let r=0;r<n;r++){for(const s of sh)total+=s.area();let k=1.0001;if(r%2==1)k=0.9999;for(let i=0;i<sh.length;i++)sh[i].scale(k)}console.log(Math.trunc(total))}
run(2000)